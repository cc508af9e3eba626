import type { Row, Value } from '../changes/change.ts'
import {
  prepareRecords,
  recallRecords,
  writeDecided,
  writeRecords,
  type LoadedRecord,
  type LoadedSide,
} from '../match/load.ts'
import { copyInto } from '../state/copy.ts'
import { hasDecisions, readDecisions, type DecidedPair } from '../state/decisions.ts'
import { identifier } from '../state/identifiers.ts'
import type { Side } from '../state/key-table.ts'
import { otherSide } from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import { DataError } from '../state/sql-states.ts'
import { readersOf } from './changed-records.ts'
import { joinedFields, type JoinedFields } from './joined-fields.ts'
import type { LiveMatch, SidePlan } from './match-plan.ts'
import { mirrorName, type Mirror } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'
import type { RowChange, RowChanges } from './write-rows.ts'

/** Records that are prepared while the server writes those before them. */
const recordsPerPiece = 2_500

/** More rows than this in one commit take the way that can be put off to the queue. */
const mostRows = 50_000

/**
 * The short way for rows of a stream that is read for the first time: they go straight into the mirror, and from memory
 * to the matcher, since there can be nothing to compare them with. Returns those that are left for `writeRows`: all, when
 * that is not so; else those that Postgres refuses, for their values or because there is one of their key.
 */
export async function loadRows(
  session: Session,
  mirror: Mirror,
  { rows, state }: { rows: RowChanges; state: WarehouseState },
): Promise<RowChanges> {
  const loading = loadingOf(mirror, rows, state)
  if (loading === null || !(await isUnknown(session, state))) return rows
  const readers: ReadyReader[] = []
  for (const reader of loading.readers)
    readers.push(await readyReader(session, reader, { loading, mirror, state }))
  const pieces: LoadedRow[][] = []
  for (let from = 0; from < loading.rows.length; from += recordsPerPiece)
    pieces.push(loading.rows.slice(from, from + recordsPerPiece))
  const refused = await loadPieces(session, mirror, { pieces, readers })
  return new Map(refused.map(({ id, key, row }) => [id, { key, row }]))
}

/**
 * Writes rows to the mirror, and their records when the mirror has them. The server is never without work: while the
 * records of one piece are prepared it writes those of the piece before and the rows of the next. Returns the rows that
 * Postgres refuses.
 */
async function loadPieces(
  session: Session,
  mirror: Mirror,
  { pieces, readers }: { pieces: readonly (readonly LoadedRow[])[]; readers: readonly ReadyReader[] },
): Promise<LoadedRow[]> {
  const refused: LoadedRow[] = []
  const prepared: (() => Promise<void>)[] = []
  const writePrepared = async (): Promise<void> => {
    for (const write of prepared.splice(0)) await write()
  }
  let copying = copyRows(session, mirror, pieces[0] ?? [])
  for (const [at, piece] of pieces.entries()) {
    const notThere = new Set(await copying)
    refused.push(...notThere)
    // Only between two of these: what is sent behind one that Postgres refuses is undone with it.
    await writePrepared()
    copying = copyRows(session, mirror, pieces[at + 1] ?? [])
    // Looked at when the records of this piece are prepared.
    copying.catch(() => undefined)
    const rows = notThere.size === 0 ? piece : piece.filter((row) => !notThere.has(row))
    for (const reader of readers) {
      const { match, side, decided } = reader
      const loaded: LoadedSide = { side, decided, records: recordsOf(rows, reader) }
      for await (const part of prepareRecords(match, loaded)) {
        if (prepared.length > 0) {
          await copying
          await writePrepared()
        }
        prepared.push(() => writeRecords(session, match, part))
      }
      prepared.push(() => writeDecided(session, match, loaded))
    }
  }
  await writePrepared()
  return refused
}

interface LoadedRow extends RowChange {
  readonly id: string
  readonly row: Row
}

/** A side of a version that reads the stream. */
interface StreamReader {
  readonly match: LiveMatch
  readonly side: Side
  readonly plan: SidePlan
}

interface Loading {
  readonly rows: readonly LoadedRow[]
  readonly readers: readonly StreamReader[]
}

/** With all that has to be asked of the server before records are prepared. */
interface ReadyReader extends StreamReader {
  readonly joined: JoinedFields
  readonly decided: readonly DecidedPair[]
}

async function readyReader(
  session: Session,
  reader: StreamReader,
  { loading: { rows }, mirror, state }: { loading: Loading; mirror: Mirror; state: WarehouseState },
): Promise<ReadyReader> {
  const { match, side, plan } = reader
  await recallRecords(session, match, otherSide(side))
  const joined = await joinedFields(session, { plan, rows, mirror, mirrors: state.mirrors })
  const name = match.plan.name
  const decided = (await hasDecisions(session, name))
    ? await readDecisions(session, { match: name, side, ids: rows.map(({ id }) => id) })
    : []
  return { ...reader, joined, decided }
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
  for (const [id, { key, row }] of changes) {
    if (row === null) return null
    rows.push({ id, key, row })
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

/** Returns the rows that Postgres refuses, for their values or because there is one of their key; the others are written. */
async function copyRows(session: Session, mirror: Mirror, rows: readonly LoadedRow[]): Promise<LoadedRow[]> {
  const names = mirror.columns.map(({ name }) => name)
  function* values(): Generator<Value[]> {
    for (const { row } of rows) yield names.map((name) => row[name] ?? null)
  }
  if (rows.length === 0) return []
  session.background(session.query('savepoint loading'))
  try {
    await copyInto(session, `${mirrorName(mirror)} (${names.map(identifier).join(', ')})`, values())
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    await session.query('rollback to savepoint loading')
    if (rows.length === 1) return [...rows]
    const middle = rows.length >> 1
    const first = await copyRows(session, mirror, rows.slice(0, middle))
    return [...first, ...(await copyRows(session, mirror, rows.slice(middle)))]
  }
  session.background(session.query('release savepoint loading'))
  return []
}

function recordsOf(rows: readonly LoadedRow[], { match, plan, joined }: ReadyReader): Iterable<LoadedRecord> {
  const sources = match.plan.model.fields.map((field) => plan.fields.get(field))
  const valuesOf = (row: Row): Value[] =>
    sources.map((source) => {
      if (!source) return null
      return source.stream === plan.stream ? (row[source.column] ?? null) : joined(row, source)
    })
  return {
    *[Symbol.iterator]() {
      for (const { id, row } of rows) yield { id, values: valuesOf(row) }
    },
  }
}
