import { rescore, type RecordChange } from '../match/incremental.ts'
import type { Row, Value } from '../changes/change.ts'
import { copyInto } from '../state/copy.ts'
import { identifier } from '../state/identifiers.ts'
import { copyRecords } from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import { DataError } from '../state/sql-states.ts'
import { readersOf } from './changed-records.ts'
import { joinedFields, type JoinedFields } from './joined-fields.ts'
import type { LiveMatch, SidePlan } from './match-plan.ts'
import { mirrorName, type Mirror } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'
import type { RowChanges } from './write-rows.ts'

/** Records whose keys and pairs are in memory at a time. */
const recordsPerPiece = 2_500

/** More rows than this in one commit take the way that can be put off to the queue. */
const mostRows = 50_000

/**
 * The short way for rows of a stream that is read for the first time: they go straight into the mirror, and from memory
 * to the matcher, since there can be nothing to compare them with. Returns false, and has written nothing, when that is
 * not so for all of them, or when Postgres refuses one: then `writeRows` finds out which.
 */
export async function loadRows(
  session: Session,
  mirror: Mirror,
  { rows, state }: { rows: RowChanges; state: WarehouseState },
): Promise<boolean> {
  const loading = loadingOf(mirror, rows, state)
  if (loading === null || !(await isUnknown(session, state))) return false
  if (!(await copyRows(session, mirror, loading.rows))) return false
  for (const { match, side, plan } of loading.readers) {
    for (let from = 0; from < loading.rows.length; from += recordsPerPiece) {
      const piece = loading.rows.slice(from, from + recordsPerPiece)
      const joined = await joinedFields(session, { plan, rows: piece, mirror, mirrors: state.mirrors })
      const changes = piece.map((loaded) => recordOf(loaded, { match, plan, joined }))
      session.background(copyRecords(session, { model: match.model, side }, changes))
      await rescore(session, match, side, changes)
    }
  }
  return true
}

interface LoadedRow {
  readonly id: string
  readonly row: Row
}

interface Loading {
  readonly rows: readonly LoadedRow[]
  readonly readers: readonly {
    readonly match: LiveMatch
    readonly side: 'l' | 'r'
    readonly plan: SidePlan
  }[]
}

/** Null unless the stream is read for the first time, and only by versions that are loading, as their own records. */
function loadingOf(mirror: Mirror, changes: RowChanges, state: WarehouseState): Loading | null {
  const { stream } = mirror
  if (state.resync(stream) !== 'fresh' || changes.size > mostRows) return null
  const isJoined = readersOf(state.matches).some(({ plan }) =>
    plan.joins.some((join) => join.stream === stream),
  )
  if (isJoined) return null
  const readers = state.matches.flatMap((match) =>
    (['l', 'r'] as const)
      .map((side) => ({ match, side, plan: side === 'l' ? match.plan.left : match.plan.right }))
      .filter(({ plan }) => plan.stream === stream),
  )
  if (readers.some(({ match }) => state.isLive(match.model))) return null
  const rows: LoadedRow[] = []
  for (const [id, { row }] of changes) {
    if (row === null) return null
    rows.push({ id, row })
  }
  return { rows, readers }
}

/** Whether every record is one of the mirrors: none of a row that is gone waits to be re-matched. */
async function isUnknown(session: Session, { matches }: WarehouseState): Promise<boolean> {
  const [waiting] = await session.one(
    `select exists (select from changed_record) or exists (select from changed_join)
         or exists (select from syncline.match_queue where model = any($1))`,
    [matches.map(({ model }) => model)],
  )
  return waiting === 'f'
}

/** False, and nothing written, when Postgres refuses a row: for its values, or because there is one of its key. */
async function copyRows(session: Session, mirror: Mirror, rows: readonly LoadedRow[]): Promise<boolean> {
  const names = mirror.columns.map(({ name }) => name)
  function* values(): Generator<Value[]> {
    for (const { row } of rows) yield names.map((name) => row[name] ?? null)
  }
  await session.query('savepoint loading')
  try {
    await copyInto(session, `${mirrorName(mirror)} (${names.map(identifier).join(', ')})`, values())
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    await session.query('rollback to savepoint loading')
    return false
  }
  await session.query('release savepoint loading')
  return true
}

function recordOf(
  { id, row }: LoadedRow,
  { match, plan, joined }: { match: LiveMatch; plan: SidePlan; joined: JoinedFields },
): RecordChange {
  const after = match.plan.model.fields.map((field): Value => {
    const source = plan.fields.get(field)
    if (!source) return null
    return source.stream === plan.stream ? (row[source.column] ?? null) : joined(row, source)
  })
  return { id, before: null, after }
}
