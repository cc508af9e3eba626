import { rescore, type RecordChange } from '../match/incremental.ts'
import { identifier } from '../state/identifiers.ts'
import type { Side } from '../state/key-table.ts'
import { hasRecordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { changedRanges, type ChangedRange } from './changed-records.ts'
import { fieldsSql, joinsSql } from './joined-sql.ts'
import type { LiveMatch, SidePlan } from './match-plan.ts'
import { keyOf, mirrorName, type Mirror } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'

/**
 * Brings the match state up to date with the records noted in `changed_record`: each is read from the mirror, or
 * found gone, its record row is rewritten when it differs, and its keys and pairs follow. For live matches it is noted
 * what the assignment and the matched table have to follow.
 */
export async function refreshChangedRecords(session: Session, state: WarehouseState): Promise<void> {
  for (const range of await changedRanges(session)) await refreshRange(session, state, range)
}

/** The same with the noted records of one side of a version of which the mirror has no row, whatever their ids cast to. */
export async function removeChangedRecords(
  session: Session,
  state: WarehouseState,
  of: { readonly model: number; readonly side: Side },
): Promise<void> {
  for (const range of await changedRanges(session)) {
    if (range.model === of.model && range.side === of.side)
      await refreshRange(session, state, range, { gone: true })
  }
}

async function refreshRange(
  session: Session,
  state: WarehouseState,
  { model, side, first, last }: ChangedRange,
  { gone = false } = {},
): Promise<void> {
  const { mirrors, limits } = state
  const match = state.matches.find((one) => one.model === model)
  const plan = side === 'l' ? match?.plan.left : match?.plan.right
  const mirror = plan && mirrors.get(plan.stream)
  if (!match || !mirror) return
  const isLive = state.isLive(model)
  const { recordsPerPiece } = limits
  const refresh = { match, isLive, side, plan, mirror, mirrors, recordsPerPiece, gone }
  await refreshSide(session, refresh, { first, last })
}

interface SideRefresh {
  readonly match: LiveMatch
  readonly isLive: boolean
  readonly side: Side
  readonly plan: SidePlan
  readonly mirror: Mirror
  readonly mirrors: ReadonlyMap<string, Mirror>
  readonly recordsPerPiece: number
  /** Whether the noted records are not in the mirror. */
  readonly gone: boolean
}

async function refreshSide(
  session: Session,
  refresh: SideRefresh,
  { first, last }: { first: number; last: number },
): Promise<void> {
  const { match, isLive, side, recordsPerPiece } = refresh
  const version = { ...match, isLive }
  let writing = writeAhead(session, refresh, first)
  let rescoring = Promise.resolve()
  for (let from = first; from <= last; from += recordsPerPiece) {
    const changes = await writing
    const next = from + recordsPerPiece
    if (next <= last) writing = writeAhead(session, refresh, next)
    const before = rescoring
    rescoring = rescore(session, version, side, changes)
    session.background(rescoring)
    // The server works on this piece while we score the one before: records of one side have no pair in common. While
    // a version loads, its tables get their indexes on the way, which nobody else may read then.
    await (isLive ? before : rescoring)
  }
  await rescoring
}

/** Writes and reads the next piece while this one is worked on. */
function writeAhead(session: Session, refresh: SideRefresh, from: number): Promise<RecordChange[]> {
  const writing = writeRecords(session, refresh, from)
  session.background(writing)
  return writing
}

/**
 * Writes the record rows of one piece that differ from what the mirror says. Returns those, before and after, whose
 * keys or pairs may follow: others are only shown.
 */
async function writeRecords(session: Session, refresh: SideRefresh, from: number): Promise<RecordChange[]> {
  const { match, side, recordsPerPiece } = refresh
  const width = match.plan.model.fields.length
  const values = (column: string): string[] => Array.from({ length: width }, (_, i) => `${column}[${i + 1}]`)
  const rows = await session.query(
    `with ${writeSql(refresh)}
     select id, after is not null, before is not null, ${[...values('after'), ...values('before')].join(', ')}
       from differing where affects`,
    [match.model, side, from, from + recordsPerPiece],
  )
  return rows.map((row) => ({
    id: row[0] ?? '',
    after: row[1] === 't' ? row.slice(3, 3 + width) : null,
    before: row[2] === 't' ? row.slice(3 + width) : null,
  }))
}

/**
 * Stored records are looked up one by one: while the tables fill, a planner with old statistics would join them whole.
 * They are written by their place, without looking them up again.
 * The snapshot of a statement is that of its beginning, so `differing` does not see what is written beside it.
 */
function writeSql(refresh: SideRefresh): string {
  const { match, isLive, mirror, gone } = refresh
  const records = `syncline.match_record_${match.model}`
  const present = `base.${identifier(keyOf(mirror)[0]?.name ?? '')} is not null`
  const compared = (column: string): string =>
    `array[${match.plan.model.compared.map((place) => `${column}[${place + 1}]`).join(', ')}]::text[]`
  const joined = { ...refresh, fields: match.plan.model.fields }
  const base = gone
    ? { after: 'null::text[]', join: '' }
    : {
        after: `case when ${present} then array[${fieldsSql(joined)}] end`,
        join: `left join ${mirrorName(mirror)} base
          on ${hasRecordIdSql('base', keyOf(mirror), 'changed.id')} ${joinsSql(joined)}`,
      }
  return `changed as materialized (
      select changed.id, record.fields as before, record.ctid as place,
             ${base.after} as after
        from changed_record changed ${base.join}
        left join lateral (
          select ctid, fields from ${records} stored
           where stored.model = changed.model and stored.side = changed.side and stored.id = changed.id offset 0
        ) record on true
       where changed.model = $1 and changed.side = $2 and changed.n >= $3 and changed.n < $4),
    differing as materialized (
      select *, before is null or after is null or ${compared('before')} is distinct from ${compared('after')} as affects
        from changed where before is distinct from after),
    added as (
      insert into ${records} (model, side, id, fields)
      select $1, $2::"char", id, after from differing where after is not null and place is null),
    rewritten as (
      update ${records} stored set fields = differing.after
        from differing where stored.ctid = differing.place and differing.after is not null),
    gone as (
      delete from ${records} where ctid = any(array(select place from differing where after is null)))
    ${isLive ? `, ${noteSql(match)}` : ''}`
}

/** What the matched table has to follow. */
function noteSql({ model }: LiveMatch): string {
  return `touched as (
      insert into touched_left (model, id)
      select $1, case $2 when 'l' then a.id else a.partner end from differing
       cross join lateral (select id, partner from syncline.match_assignment_${model} a
               where a.model = $1 and a.side = $2 and a.id = differing.id offset 0) a
      on conflict do nothing)`
}
