import type { FollowedTable } from './followed-table.ts'
import type { Shape } from './shape.ts'

/** Why a stream must not take on a shape; null when it may. */
export function policyProblem(table: FollowedTable, now: Shape): string | null {
  const before = table.shape
  if (before === null) return null
  const resync = `run \`syncline resync ${table.stream}\` to go on with the table as it is`
  const [oldKey, newKey] = [before, now].map(({ table: { key } }) => key.columns.join(', '))
  if (oldKey !== newKey) {
    return `the key of table ${table.name} changed from (${oldKey ?? ''}) to (${newKey ?? ''}); \`syncline run --prune\` drops the warehouse’s table of this stream and reads the source anew`
  }
  if (table.accepted || now.fingerprint === before.fingerprint) return null
  switch (table.policy) {
    case 'evolve':
      return null
    case 'freeze':
      return `table ${table.name} has not the columns any more that the stream is frozen to; ${resync}`
    case 'quarantine':
      return `table ${table.name} was altered; ${resync}`
    default:
      return table.policy satisfies never
  }
}
