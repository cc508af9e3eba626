import { identifier, qualified } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'
import { joinIndexName } from './join-index-name.ts'
import { joinSqlOf } from './joined-sql.ts'
import type { LiveMatch, SidePlan } from './match-plan.ts'
import type { Mirrors } from './matched-columns.ts'
import { keyOf, mirrorName, type Mirror } from './mirror-table.ts'

/**
 * Lets the records of a joined row be found by its key, in the order of theirs, and joined rows by what records print, for
 * matches that follow every commit. Indexes that are there are left alone.
 */
export async function indexJoins(session: Session, { plan }: LiveMatch, mirrors: Mirrors): Promise<void> {
  for (const side of [plan.left, plan.right]) {
    for (const join of side.joins) {
      const sql = joinSqlOf(side, join, mirrors)
      const [base, joined] = [mirrors.get(side.stream), mirrors.get(join.stream)]
      if (!base || !joined || !sql?.indexed) continue
      const keys = keyOf(base).map(({ name }) => identifier(name))
      await ensureIndex(session, base, {
        name: joinIndexName(side.stream, join.column, sql),
        columns: [sql.indexed(join.column), ...keys],
      })
      if (!sql.needsIndex) continue
      await ensureIndex(session, joined, {
        name: joinIndexName(join.stream, join.joinedColumn, sql),
        columns: [sql.indexed(join.joinedColumn)],
      })
    }
  }
}

/** Whether the records of a joined row are found without a look at the whole table. */
export async function isIndexed(
  session: Session,
  plan: SidePlan,
  { place, mirrors }: { place: number; mirrors: Mirrors },
): Promise<boolean> {
  const [base, join] = [mirrors.get(plan.stream), plan.joins[place]]
  const sql = join && joinSqlOf(plan, join, mirrors)
  if (!base || !sql) return false
  const name = qualified(base.schema, joinIndexName(plan.stream, join.column, sql))
  const [found] = await session.one('select to_regclass($1) is not null', [name])
  return found === 't'
}

async function ensureIndex(
  session: Session,
  mirror: Mirror,
  { name, columns }: { name: string; columns: readonly string[] },
): Promise<void> {
  await session.query(
    `create index if not exists ${identifier(name)} on ${mirrorName(mirror)} (${columns.join(', ')})`,
  )
}
