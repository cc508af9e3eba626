import { forgetLostRelations } from '../state/made-relations.ts'
import { dropModel, readModels } from '../state/models.ts'
import type { Session } from '../state/session.ts'
import type { MatchPlan } from './match-plan.ts'

/**
 * Forgets how far sources were read whose mirrored tables are gone, dropped by somebody or by `pruneTables`, or that are
 * looked for in another schema now, where a table of that name may be somebody else's: they are read anew, and the match
 * versions that were built from them made anew. Of `streams`, those of the configuration, alone: should another one come
 * back, it is found lost then. Returns the names of the tables. Needs an open transaction.
 */
export async function forgetLostMirrors(
  session: Session,
  {
    schema,
    streams,
    plans,
  }: { readonly schema: string; readonly streams: readonly string[]; readonly plans: readonly MatchPlan[] },
): Promise<string[]> {
  await forgetLostRelations(session)
  const rows = await session.query(
    `select stream from syncline.stream s
      where s.stream = any($2)
        and not exists (select from syncline.made where made.schema = $1 and made.name = s.stream)`,
    [schema, streams],
  )
  const lost = rows.map(([stream]) => stream ?? '')
  if (lost.length === 0) return []
  for (const table of ['source', 'ledger']) {
    await session.query(
      `delete from syncline.${table} where source in (select source from syncline.stream where stream = any($1))`,
      [lost],
    )
  }
  await session.query('delete from syncline.stream where stream = any($1)', [lost])
  for (const { name, left, right } of plans) {
    const read = [left, right].flatMap((side) => [side.stream, ...side.joins.map(({ stream }) => stream)])
    if (!read.some((stream) => lost.includes(stream))) continue
    for (const { model } of await readModels(session, name)) await dropModel(session, model)
  }
  return lost.map((stream) => `${schema}.${stream}`)
}
