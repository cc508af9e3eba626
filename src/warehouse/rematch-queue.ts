import { storeCause, type Cause } from '../state/causes.ts'
import { identifier } from '../state/identifiers.ts'
import { recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { readersOf, type Reader } from './changed-records.ts'
import { isIndexed } from './join-indexes.ts'
import { joinSqlOf } from './joined-sql.ts'
import type { LiveMatch, SidePlan } from './match-plan.ts'
import { keyOf, mirrorName, type Mirror } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'

type Mirrors = ReadonlyMap<string, Mirror>

/** In `match_fan_out` the place of a line that stands for every record of its side; its key is empty. */
export const everyRecord = -1

/**
 * Notes the records that take fields from the noted joined rows. Rows with many records are put off instead: one line
 * in `match_fan_out`, whatever their number. Where a pass over them has begun it goes on, and one more follows: begun
 * anew it would never end when changes are faster than passes.
 */
export async function expandJoins(
  session: Session,
  { matches, mirrors, limits: { inlineFanOut } }: WarehouseState,
  cause: Cause,
): Promise<void> {
  let number: string | null = null
  // A bitmap has every record of a joined row before the first is looked at, however few are asked for.
  session.background(session.query('set local enable_bitmapscan = off'))
  for (const { model, side, plan } of readersOf(matches)) {
    for (const place of plan.joins.keys()) {
      const base = mirrors.get(plan.stream)
      const condition = joinCondition(plan, { place, mirrors, key: 'j.key' })
      if (!base || !condition) continue
      const bound = [model, side, place]
      const noted = 'j.model = $1 and j.side = $2 and j.place = $3'
      const wide = `from changed_join j
            cross join lateral (select count(*) as records from (
              select from ${mirrorName(base)} base where ${condition} limit ${inlineFanOut + 1}) few) c
            where ${noted} and c.records > ${inlineFanOut}`
      const indexed = await isIndexed(session, plan, { place, mirrors })
      // Without the index every key would cost a look at the whole table.
      const [isWide] = indexed ? await session.one(`select exists (select ${wide})`, bound) : ['f']
      if (isWide === 't') {
        number ??= await storeCause(session, cause)
        await session.query(
          `insert into syncline.match_fan_out as waiting (model, side, place, key, cause)
           select j.model, j.side, j.place, j.key, $4 ${wide}
           on conflict (model, side, place, key) do update set again = excluded.cause
            where waiting.after_key is not null`,
          [...bound, number],
        )
      }
      // What is put off goes first, before any of its records is looked at: others wait for this commit.
      const records = `select ${recordIdSql(
        'base',
        keyOf(base).map(({ name }) => name),
      )} as id from ${mirrorName(base)} base where ${condition}`
      await session.query(
        `with narrow as materialized (
           select j.key from changed_join j
            where ${noted} and not exists (
              select from syncline.match_fan_out f
               where f.model = j.model and f.side = j.side and f.place = j.place and f.key = j.key
                 and (f.after_key is null or f.again is not null)))
         insert into changed_record (model, side, id)
         select $1, $2, r.id from narrow j cross join lateral (${records} ${indexed ? 'offset 0' : ''}) r
         on conflict do nothing`,
        bound,
      )
    }
  }
  session.background(session.query('set local enable_bitmapscan to default'))
}

/**
 * Notes every record of a side. More than may be re-matched in one commit are put off as one line instead, in place of
 * whatever else of the side is put off as joined rows.
 */
export async function noteEveryRecord(
  session: Session,
  { model, side, plan }: Reader,
  { state, cause }: { state: WarehouseState; cause: Cause },
): Promise<void> {
  await session.query('delete from syncline.match_fan_out where model = $1 and side = $2', [model, side])
  const base = state.mirrors.get(plan.stream)
  if (!base) return
  const { inlineRecords } = state.limits
  const [isWide] = await session.one(
    `select count(*) > $1 from (select from ${mirrorName(base)} limit $1 + 1) few`,
    [inlineRecords],
  )
  if (isWide === 't') {
    await session.query(
      `insert into syncline.match_fan_out (model, side, place, key, cause) values ($1, $2, ${everyRecord}, '', $3)`,
      [model, side, await storeCause(session, cause)],
    )
    return
  }
  await session.query(
    `insert into changed_record (model, side, id) select $1, $2, ${recordIdSql(
      'base',
      keyOf(base).map(({ name }) => name),
    )} from ${mirrorName(base)} base on conflict do nothing`,
    [model, side],
  )
}

function joinCondition(
  plan: SidePlan,
  { place, mirrors, key }: { place: number; mirrors: Mirrors; key: string },
): string | null {
  const join = plan.joins[place]
  const sql = join && joinSqlOf(plan, join, mirrors)
  return sql ? `${sql.own('base')} = ${sql.value(key)}` : null
}

/** Puts off what the open transaction has to re-match, to be drained in bounded pieces later. */
export async function queueChangedRecords(session: Session, cause: Cause): Promise<void> {
  const number = await storeCause(session, cause)
  await session.query(
    `insert into syncline.match_queue (model, side, id, cause)
     select model, side, id, $1 from changed_record on conflict do nothing`,
    [number],
  )
  await session.query('truncate changed_record restart identity')
}

/** Takes up to `limit` records that wait for a cause into the open transaction. Returns how many. */
export async function takeQueuedRecords(session: Session, number: string, limit: number): Promise<number> {
  return session.execute(
    `with taken as (
       delete from syncline.match_queue
        where (model, side, id) in (
          select model, side, id from syncline.match_queue where cause = $1 order by model, side, id limit $2)
       returning model, side, id)
     insert into changed_record (model, side, id) select model, side, id from taken on conflict do nothing`,
    [number, limit],
  )
}

/** The same for the next records of a joined row, or of a side, that waits for it. Returns whether there was one. */
export async function takeFannedOut(
  session: Session,
  number: string,
  { limit, matches, mirrors }: { limit: number; matches: readonly LiveMatch[]; mirrors: Mirrors },
): Promise<boolean> {
  const [row] = await session.query(
    `select model, side, place, key, array_to_json(after_key), again from syncline.match_fan_out
      where cause = $1 order by model, side, place, key limit 1`,
    [number],
  )
  if (!row) return false
  const [model, side, place, key, after, again] = row
  const line = [model ?? '', side ?? '', place ?? '', key ?? '']
  const reader = readersOf(matches).find((one) => one.model === Number(model) && one.side === side)
  const next =
    reader &&
    (await noteNext(session, reader, {
      place: Number(place),
      key: key ?? '',
      after: after == null ? null : (JSON.parse(after) as string[]),
      limit,
      mirrors,
    }))
  const where = 'where model = $1 and side = $2 and place = $3 and key = $4'
  const [text, bound] = next
    ? [`update syncline.match_fan_out set after_key = $5 ${where}`, [...line, next]]
    : again == null
      ? [`delete from syncline.match_fan_out ${where}`, line]
      : [
          `update syncline.match_fan_out set after_key = null, cause = again, again = null, queued_at = now() ${where}`,
          line,
        ]
  session.background(session.query(text, bound))
  return true
}

interface FanOut {
  readonly place: number
  readonly key: string
  readonly after: readonly string[] | null
  readonly limit: number
  readonly mirrors: Mirrors
}

/** Returns the key of the last record noted, or null when none is left. */
async function noteNext(
  session: Session,
  { model, side, plan }: Reader,
  { place, key, after, limit, mirrors }: FanOut,
): Promise<string[] | null> {
  const base = mirrors.get(plan.stream)
  const condition =
    place === everyRecord ? `$3::text = ''` : joinCondition(plan, { place, mirrors, key: '$3' })
  if (!base || !condition) return null
  const columns = keyOf(base)
  const names = columns.map(({ name }) => `base.${identifier(name)}`)
  const beyond = after
    ? `and (${names.join(', ')}) > (${columns.map(({ type }, i) => `$${i + 5}::text::${type}`).join(', ')})`
    : ''
  const id = recordIdSql(
    'base',
    columns.map(({ name }) => name),
  )
  const rows = await session.query(
    `with next as materialized (
       select ${id} as id, array[${names.map((name) => `${name}::text`).join(', ')}] as key,
              row_number() over (order by ${names.join(', ')}) as n
         from ${mirrorName(base)} base where ${condition} ${beyond} order by ${names.join(', ')} limit $4),
     noted as (
       insert into changed_record (model, side, id)
       select $1::integer, $2::text::"char", id from next on conflict do nothing)
     select array_to_json(key) from next where n = $4`,
    [model, side, key, limit, ...(after ?? [])],
  )
  const last = rows[0]?.[0]
  return last == null ? null : (JSON.parse(last) as string[])
}

/** Queues every record of both sides of a match, for a model version that begins over filled mirrors. */
export async function queueAllRecords(session: Session, match: LiveMatch, mirrors: Mirrors): Promise<void> {
  const number = await storeCause(session, { kind: 'model' })
  for (const { model, side, plan } of readersOf([match])) {
    const mirror = mirrors.get(plan.stream)
    if (!mirror) continue
    const id = recordIdSql(
      'base',
      keyOf(mirror).map(({ name }) => name),
    )
    await session.query(
      `insert into syncline.match_queue (model, side, id, cause)
       select $1, $2, ${id}, $3 from ${mirrorName(mirror)} base on conflict do nothing`,
      [model, side, number],
    )
  }
}
