import type { Value } from '../changes/change.ts'
import { copyInto } from './copy.ts'
import type { Session } from './session.ts'

/** Left and right, as the state tables write them. */
export type Side = 'l' | 'r'

export const otherSide = (side: Side): Side => (side === 'l' ? 'r' : 'l')

export interface KeyRow {
  readonly key: number
  readonly id: string
}

export interface Pair {
  readonly left: string
  readonly right: string
  /** Thousandths of a bit. */
  readonly score: number
}

/** The keys must not be there yet. */
export async function insertKeys(
  session: Session,
  model: number,
  side: Side,
  keys: readonly KeyRow[],
): Promise<void> {
  function* rows(): Generator<Value[]> {
    for (const { key, id } of keys) yield [String(model), String(key), side, id]
  }
  if (keys.length > 0) await copyInto(session, `syncline.match_key_${model} (model, key, side, id)`, rows())
}

export async function deleteKeys(
  session: Session,
  model: number,
  side: Side,
  keys: readonly KeyRow[],
): Promise<void> {
  if (keys.length === 0) return
  await session.query(
    `delete from syncline.match_key k using unnest($3::bigint[], $4::text[]) as gone(key, id)
      where k.model = $1 and k.side = $2 and k.key = gone.key and k.id = gone.id`,
    [model, side, keys.map(({ key }) => key), keys.map(({ id }) => id)],
  )
}

// Keys and records are looked up one by one, by index: while the tables fill, a planner with old statistics would
// join them whole.

/** Ids on the side opposite to `side` that share a key, as (index into `keys`' ids, candidate id). */
export async function findCandidates(
  session: Session,
  { model, side, keys }: { model: number; side: Side; keys: readonly { key: number; record: number }[] },
): Promise<{ record: number; candidate: string }[]> {
  if (keys.length === 0) return []
  const rows = await session.query(
    `select probe.record, k.id from unnest($3::bigint[], $4::integer[]) as probe(key, record)
       cross join lateral (
         select id from syncline.match_key_${model} stored
          where stored.model = $1 and stored.key = probe.key and stored.side = $2 offset 0) k`,
    [model, otherSide(side), keys.map(({ key }) => key), keys.map(({ record }) => record)],
  )
  return rows.map(([record, candidate]) => ({ record: Number(record), candidate: candidate ?? '' }))
}

/** The fields of records by id; ids without a record are absent. */
export async function readRecords(
  session: Session,
  { model, side, ids, width }: { model: number; side: Side; ids: readonly string[]; width: number },
): Promise<Map<string, Value[]>> {
  if (ids.length === 0) return new Map()
  const columns = Array.from({ length: width }, (_, i) => `fields[${i + 1}]`).join(', ')
  const rows = await session.query(
    `select id, ${columns} from syncline.match_record where model = $1 and side = $2 and id = any($3)`,
    [model, side, ids],
  )
  return new Map(rows.map(([id, ...fields]) => [id ?? '', fields]))
}

export async function deleteRecords(
  session: Session,
  model: number,
  side: Side,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return
  await session.query('delete from syncline.match_record where model = $1 and side = $2 and id = any($3)', [
    model,
    side,
    ids,
  ])
}

/** Removes every pair of the given records, on both of its sides. */
export async function deletePairsOf(
  session: Session,
  model: number,
  side: Side,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return
  await session.query(
    `with gone as (
       delete from syncline.match_pair where model = $1 and side = $2 and id = any($3) returning id, partner)
     delete from syncline.match_pair p using gone
      where p.model = $1 and p.side = $4 and p.id = gone.partner and p.partner = gone.id`,
    [model, side, ids, otherSide(side)],
  )
}

/** Writes pairs, once for each side; a pair that is there already gets the new score. */
export async function upsertPairs(session: Session, model: number, pairs: readonly Pair[]): Promise<void> {
  if (pairs.length === 0) return
  await session.query(
    `insert into syncline.match_pair (model, side, id, partner, score)
     select $1, side.side, case side.side when 'l' then l else r end, case side.side when 'l' then r else l end, score
       from unnest($2::text[], $3::text[], $4::integer[]) as pair(l, r, score),
            (values ('l'::"char"), ('r'::"char")) as side(side)
     on conflict (model, side, id, partner) do update set score = excluded.score`,
    [model, pairs.map(({ left }) => left), pairs.map(({ right }) => right), pairs.map(({ score }) => score)],
  )
}
