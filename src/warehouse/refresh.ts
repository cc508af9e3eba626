import { affectsPairs, rescore, type RecordChange } from '../match/incremental.ts'
import { noteDirty, noteTouched } from '../state/assignments.ts'
import { identifier } from '../state/identifiers.ts'
import type { Side } from '../state/key-table.ts'
import { deleteRecords } from '../state/matches.ts'
import { hasRecordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import type { LiveMatch, SidePlan } from './match-plan.ts'
import { columnOf, keyOf, mirrorName, type Mirror } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'

/** Records whose fields are held in memory at a time. */
const recordsPerPiece = 2_500

/**
 * Brings the match state up to date with the records noted in `changed_record`: each is read from the mirror, or
 * found gone, its record row is rewritten when it differs, and its keys and pairs follow. For live matches it is noted
 * what the assignment and the matched table have to follow.
 */
export async function refreshChangedRecords(session: Session, state: WarehouseState): Promise<void> {
  const { matches, mirrors } = state
  for (const match of matches) {
    const isLive = state.isLive(match.model)
    for (const side of ['l', 'r'] as const) {
      const plan = side === 'l' ? match.plan.left : match.plan.right
      const mirror = mirrors.get(plan.stream)
      if (mirror) await refreshSide(session, { match, isLive, side, plan, mirror, mirrors })
    }
  }
}

interface SideRefresh {
  readonly match: LiveMatch
  readonly isLive: boolean
  readonly side: Side
  readonly plan: SidePlan
  readonly mirror: Mirror
  readonly mirrors: ReadonlyMap<string, Mirror>
}

async function refreshSide(session: Session, refresh: SideRefresh): Promise<void> {
  const { match, side } = refresh
  const [last, first] = await session.one(
    'select max(n), min(n) from changed_record where model = $1 and side = $2',
    [match.model, side],
  )
  if (last === null) return
  let reading = readAhead(session, refresh, Number(first))
  for (let from = Number(first); from <= Number(last); from += recordsPerPiece) {
    const changes = await reading
    const next = from + recordsPerPiece
    if (next <= Number(last)) reading = readAhead(session, refresh, next)
    if (changes.length === 0) continue
    session.background(writeRecords(session, refresh, from))
    const gone = changes.filter(({ after }) => after === null).map(({ id }) => id)
    session.background(deleteRecords(session, match.model, side, gone))
    await rescore(session, match, side, changes)
    if (refresh.isLive) noteFollowed(session, refresh, changes)
  }
}

function noteFollowed(
  session: Session,
  { match, side }: SideRefresh,
  changes: readonly RecordChange[],
): void {
  const { plan, model } = match
  const dirty = changes.filter((change) => affectsPairs(plan.model, change)).map(({ id }) => id)
  noteDirty(session, model, side, dirty)
  noteTouched(
    session,
    model,
    side,
    changes.map(({ id }) => id),
  )
}

/** Reads the next piece while this one is worked on. */
function readAhead(session: Session, refresh: SideRefresh, from: number): Promise<RecordChange[]> {
  const reading = readChanges(session, refresh, from)
  session.background(reading)
  return reading
}

/**
 * The changed records of one piece, before and after; those that are the same in the end are left out. Stored
 * records are looked up one by one: while the tables fill, a planner with old statistics would join them whole.
 */
async function readChanges(session: Session, refresh: SideRefresh, from: number): Promise<RecordChange[]> {
  const { match, side, mirror } = refresh
  const fields = fieldsSql(refresh)
  const width = fields.length
  const stored = Array.from({ length: width }, (_, i) => `record.fields[${i + 1}]`)
  const present = `base.${identifier(keyOf(mirror)[0]?.name ?? '')} is not null`
  const rows = await session.query(
    `select changed.id, ${present}, record.id is not null, ${[...fields, ...stored].join(', ')}
       from changed_record changed ${mirrorJoinsSql(refresh)}
       left join lateral (
         select id, fields from syncline.match_record_${match.model} stored
          where stored.model = changed.model and stored.side = changed.side and stored.id = changed.id limit 1
       ) record on true
      where changed.model = $1 and changed.side = $2 and changed.n >= $3 and changed.n < $4`,
    [match.model, side, from, from + recordsPerPiece],
  )
  const changes: RecordChange[] = []
  for (const row of rows) {
    const after = row[1] === 't' ? row.slice(3, 3 + width) : null
    const before = row[2] === 't' ? row.slice(3 + width) : null
    const same = after && before ? after.every((value, i) => value === before[i]) : after === before
    if (!same) changes.push({ id: row[0] ?? '', before, after })
  }
  return changes
}

/** Writes the piece's record rows straight from the mirror, those that differ. */
async function writeRecords(session: Session, refresh: SideRefresh, from: number): Promise<void> {
  const { match, side, mirror } = refresh
  const present = `base.${identifier(keyOf(mirror)[0]?.name ?? '')} is not null`
  await session.query(
    `insert into syncline.match_record_${match.model} as record (model, side, id, fields)
     select changed.model, changed.side, changed.id, array[${fieldsSql(refresh).join(', ')}]
       from changed_record changed ${mirrorJoinsSql(refresh)}
      where changed.model = $1 and changed.side = $2 and changed.n >= $3 and changed.n < $4 and ${present}
     on conflict (model, side, id) do update set fields = excluded.fields
      where record.fields is distinct from excluded.fields`,
    [match.model, side, from, from + recordsPerPiece],
  )
}

/** An expression for each field of the model, null for fields that this side lacks. */
function fieldsSql({ match, plan, mirrors }: SideRefresh): string[] {
  return match.plan.model.fields.map((field) => {
    const source = plan.fields.get(field)
    // A joined stream that has not announced its shape yet has nothing to give; its rows will come as changes.
    if (!source || !mirrors.has(source.stream)) return 'null::text'
    const alias = source.stream === plan.stream ? 'base' : joinAlias(plan, source.stream)
    return `${alias}.${identifier(source.column)}::text`
  })
}

const joinAlias = (plan: SidePlan, stream: string): string =>
  `joined_${plan.joins.findIndex((join) => join.stream === stream)}`

function mirrorJoinsSql({ plan, mirror, mirrors }: SideRefresh): string {
  const base = `left join ${mirrorName(mirror)} base on ${hasRecordIdSql('base', keyOf(mirror), 'changed.id')}`
  const joins = plan.joins.flatMap(({ stream, column, joinedColumn }) => {
    const joined = mirrors.get(stream)
    if (!joined) return []
    const alias = joinAlias(plan, stream)
    const text = columnOf(mirror, column).type === columnOf(joined, joinedColumn).type ? '' : '::text'
    const [own, key] = [identifier(column), identifier(joinedColumn)]
    return [`left join ${mirrorName(joined)} ${alias} on ${alias}.${key}${text} = base.${own}${text}`]
  })
  return [base, ...joins].join(' ')
}
