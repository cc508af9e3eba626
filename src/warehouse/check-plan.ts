import { OperatorError } from '../runtime/errors.ts'
import type { MatchPlan } from './match-plan.ts'
import { keyOf, type Mirror } from './mirror-table.ts'

type Mirrors = ReadonlyMap<string, Mirror>

/** Refuses a plan that the shapes of its streams do not bear out. Streams not announced yet are passed over. */
export function checkPlan(plan: MatchPlan, mirrors: Mirrors): void {
  requireDates(plan, mirrors)
  for (const side of [plan.left, plan.right]) {
    for (const [field, { stream, column }] of side.fields) {
      requireColumn(`matches.${plan.name} field ${field}`, mirrors.get(stream), column)
    }
    for (const { stream, column, joinedColumn } of side.joins) {
      requireColumn(`matches.${plan.name} join`, mirrors.get(side.stream), column)
      const joined = mirrors.get(stream)
      requireColumn(`matches.${plan.name} join`, joined, joinedColumn)
      if (joined && !(keyOf(joined).length === 1 && keyOf(joined)[0]?.name === joinedColumn)) {
        throw new OperatorError({
          area: 'configuration',
          code: 'join-not-by-key',
          message: `matches.${plan.name} joins ${stream} by ${joinedColumn}, which is not its key`,
          hint: `join by the key of ${stream}: ${keyOf(joined)
            .map(({ name }) => name)
            .join(', ')}`,
        })
      }
    }
  }
}

function requireDates({ name, activity, left, right }: MatchPlan, mirrors: Mirrors): void {
  if (!activity) return
  for (const side of [left, right]) {
    const source = side.fields.get(activity.field)
    const column =
      source && mirrors.get(source.stream)?.columns.find((column) => column.name === source.column)
    if (!column || /^(date|timestamp)/.test(column.type)) continue
    throw new OperatorError({
      area: 'configuration',
      code: 'activity-no-date',
      message: `matches.${name}.activity: ${activity.field} of ${side.stream} is ${column.type}, not a date`,
      hint: 'name a field that holds a date or a time on both sides',
    })
  }
}

function requireColumn(where: string, mirror: Mirror | undefined, column: string): void {
  if (!mirror || mirror.columns.some(({ name }) => name === column)) return
  throw new OperatorError({
    area: 'configuration',
    code: 'no-such-column',
    message: `${where}: stream ${mirror.stream} has no column ${column}`,
    hint: `use one of: ${mirror.columns.map(({ name }) => name).join(', ')}`,
  })
}
