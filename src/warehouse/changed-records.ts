import { identifier } from '../state/identifiers.ts'
import type { Side } from '../state/key-table.ts'
import { recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import type { LiveMatch, SidePlan } from './match-plan.ts'
import { columnOf, keyOf, mirrorName, type Mirror } from './mirror-table.ts'

/**
 * The records that the open transaction has to re-match: a temporary table, filled by set-based statements so
 * that ids need not travel, emptied by the commit.
 */
export async function prepareChangedRecords(session: Session): Promise<void> {
  if (session.prepared.has('changed_record')) return
  await session.query(
    `create temporary table if not exists changed_record (
       model integer, side "char", id text collate "C", n bigint generated always as identity,
       primary key (model, side, id)) on commit delete rows`,
  )
  session.prepared.set('changed_record', '')
}

/** One side of one match that reads a stream, as its own or as a joined one. */
interface Reader {
  readonly model: number
  readonly side: Side
  readonly plan: SidePlan
}

function readers(matches: readonly LiveMatch[]): Reader[] {
  return matches.flatMap(({ model, plan }) => [
    { model, side: 'l' as const, plan: plan.left },
    { model, side: 'r' as const, plan: plan.right },
  ])
}

/**
 * A common table expression's tail that notes the changed rows of `mirror`, given as the relation `written` with
 * the mirror's key columns, as records to be re-matched, directly and through joins. Null when no match reads it.
 */
export function noteChangedSql(
  mirror: Mirror,
  matches: readonly LiveMatch[],
  mirrors: ReadonlyMap<string, Mirror>,
): string | null {
  const selects = readers(matches).flatMap(({ model, side, plan }) => {
    if (plan.stream === mirror.stream) {
      const id = recordIdSql(
        'written',
        keyOf(mirror).map(({ name }) => name),
      )
      return [`select ${model}, '${side}'::"char", ${id} from written`]
    }
    return plan.joins
      .filter(({ stream }) => stream === mirror.stream)
      .flatMap((join) => {
        const base = mirrors.get(plan.stream)
        if (!base) return []
        const own = `base.${identifier(join.column)}`
        const joined = `written.${identifier(join.joinedColumn)}`
        const sameType = columnOf(base, join.column).type === columnOf(mirror, join.joinedColumn).type
        const condition = sameType ? `${own} = ${joined}` : `${own}::text = ${joined}::text`
        const id = recordIdSql(
          'base',
          keyOf(base).map(({ name }) => name),
        )
        return [
          `select ${model}, '${side}'::"char", ${id} from written join ${mirrorName(base)} base on ${condition}`,
        ]
      })
  })
  if (selects.length === 0) return null
  return `insert into changed_record (model, side, id) ${selects.join(' union all ')} on conflict do nothing`
}

export async function countChangedRecords(session: Session): Promise<number> {
  const [count] = await session.one('select count(*) from changed_record')
  return Number(count)
}

/** Puts off what the open transaction has to re-match, to be drained in bounded pieces later. */
export async function queueChangedRecords(session: Session): Promise<void> {
  await session.query(
    `insert into syncline.match_queue (model, side, id)
     select model, side, id from changed_record on conflict do nothing`,
  )
  await session.query('truncate changed_record restart identity')
}

/** Takes up to `limit` queued records into the open transaction. Returns how many. */
export async function takeQueuedRecords(session: Session, limit: number): Promise<number> {
  return session.execute(
    `with taken as (
       delete from syncline.match_queue
        where (model, side, id) in (select model, side, id from syncline.match_queue order by model, side, id limit $1)
       returning model, side, id)
     insert into changed_record (model, side, id) select model, side, id from taken on conflict do nothing`,
    [limit],
  )
}

/** Queues every record of both sides of a match, for a model version that begins over filled mirrors. */
export async function queueAllRecords(
  session: Session,
  match: LiveMatch,
  mirrors: ReadonlyMap<string, Mirror>,
): Promise<void> {
  for (const { model, side, plan } of readers([match])) {
    const mirror = mirrors.get(plan.stream)
    if (!mirror) continue
    const id = recordIdSql(
      'base',
      keyOf(mirror).map(({ name }) => name),
    )
    await session.query(
      `insert into syncline.match_queue (model, side, id)
       select $1, $2, ${id} from ${mirrorName(mirror)} base on conflict do nothing`,
      [model, side],
    )
  }
}
