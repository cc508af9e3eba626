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
import { readDecisions, type DecidedPair } from '../state/decisions.ts'
import { identifier } from '../state/identifiers.ts'
import type { Side } from '../state/key-table.ts'
import { otherSide } from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import { DataError } from '../state/sql-states.ts'
import { isJoined } from './changed-records.ts'
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
 * to the matcher, since there can be nothing to compare them with. Of one transaction, over which neither the server nor
 * we are without work: while the records of one piece are prepared, the server writes those of the piece before and the
 * rows of the next.
 */
export class RowLoader {
  readonly #session: Session
  readonly #state: WarehouseState
  /** What the mirror has already and the matcher has not. */
  #copied: Piece | null = null
  /** Prepared records that are to be written. */
  #prepared: (() => Promise<void>)[] = []
  /** Null when it has to be asked. */
  #known: Known | null = null
  #isLoading = false

  constructor(session: Session, state: WarehouseState) {
    this.#session = session
    this.#state = state
  }

  /** Whether the rows before took the short way, as far as Postgres took them. */
  get isLoading(): boolean {
    return this.#isLoading
  }

  /**
   * Returns those rows that are left for `writeRows`: all, when the short way is not theirs; else those that Postgres
   * refuses, for their values or because there is one of their key. Nothing is on its way any more when there are some.
   */
  async load(mirror: Mirror, rows: RowChanges): Promise<RowChanges> {
    const loading = loadingOf(mirror, rows, this.#state)
    if (this.#copied && this.#copied.mirror.stream !== mirror.stream) await this.finish()
    if (loading !== null) this.#known ??= await readKnown(this.#session, this.#state)
    this.#isLoading = loading !== null && this.#known?.isWaiting === false
    if (loading === null || !this.#known || this.#known.isWaiting) {
      await this.finish()
      return rows
    }
    const { decided } = this.#known
    const readers = readyReaders(this.#session, loading, { mirror, state: this.#state, decided })
    await this.#recall(loading.readers)
    const refused: LoadedRow[] = []
    for (let from = 0; from < loading.rows.length; from += recordsPerPiece) {
      const piece = { mirror, readers, rows: loading.rows.slice(from, from + recordsPerPiece) }
      refused.push(...(await this.#copy(piece)))
    }
    if (refused.length > 0) await this.finish()
    return new Map(refused.map(({ id, key, row }) => [id, { key, row }]))
  }

  /** Brings what is on its way to the matcher. To be called before anything else is written that depends on it. */
  async finish(): Promise<void> {
    await this.#prepare(Promise.resolve())
    await this.#write()
    this.#known = null
  }

  /** Takes records of the other side into memory where they are missing: all that were prepared must be there to be read. */
  async #recall(readers: readonly StreamReader[]): Promise<void> {
    const missing = readers.filter(({ match, side }) => match.keys[otherSide(side)].isRecallable)
    if (missing.length === 0) return
    await this.#prepare(Promise.resolve())
    await this.#write()
    for (const { match, side } of missing) await recallRecords(this.#session, match, otherSide(side))
  }

  /** Returns the rows that the mirror does not take. */
  async #copy(piece: Piece): Promise<readonly LoadedRow[]> {
    const copying = copyRows(this.#session, piece.mirror, piece.rows)
    // Looked at when the records of the piece before are prepared.
    copying.catch(() => undefined)
    await this.#prepare(copying)
    const refused = await copying
    // Only between two pieces: what is sent behind one that Postgres refuses is undone with it.
    await this.#write()
    const notThere = new Set(refused)
    this.#copied =
      notThere.size === 0 ? piece : { ...piece, rows: piece.rows.filter((row) => !notThere.has(row)) }
    return refused
  }

  /** Prepares the records of the rows that were copied last. What is prepared is written when `copying` is done. */
  async #prepare(copying: Promise<unknown>): Promise<void> {
    const copied = this.#copied
    this.#copied = null
    if (!copied) return
    for (const reader of await copied.readers) {
      const { match, side, decided } = reader
      const loaded: LoadedSide = { side, decided, records: recordsOf(copied.rows, reader) }
      for await (const part of prepareRecords(match, loaded)) {
        if (this.#prepared.length > 0) {
          await copying
          await this.#write()
        }
        this.#prepared.push(() => writeRecords(this.#session, match, part))
      }
      this.#prepared.push(() => writeDecided(this.#session, match, loaded))
    }
  }

  async #write(): Promise<void> {
    for (const write of this.#prepared.splice(0)) await write()
  }
}

/** Rows of one stream that are copied at once, and who reads their records. */
interface Piece {
  readonly mirror: Mirror
  readonly rows: readonly LoadedRow[]
  /** Asked of the server before its rows are copied. */
  readonly readers: Promise<readonly ReadyReader[]>
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

interface Reading {
  readonly mirror: Mirror
  readonly state: WarehouseState
  readonly decided: ReadonlySet<string>
}

/** Sends all at once: what is sent later would fall into the savepoint of the rows, and be undone with those that are refused. */
function readyReaders(
  session: Session,
  { rows, readers }: Loading,
  { mirror, state: { mirrors }, decided: decidedMatches }: Reading,
): Promise<ReadyReader[]> {
  const ids = rows.map(({ id }) => id)
  const ready = Promise.all(
    readers.map(async (reader): Promise<ReadyReader> => {
      const { match, side, plan } = reader
      const { name } = match.plan
      const [joined, decided] = await Promise.all([
        joinedFields(session, { plan, rows, mirror, mirrors }),
        decidedMatches.has(name) ? readDecisions(session, { match: name, side, ids }) : [],
      ])
      return { ...reader, joined, decided }
    }),
  )
  // Looked at when the first of its records are prepared, or not at all when it fails and the copy behind it therefore.
  session.background(ready)
  return ready
}

/** Null unless the stream is read for the first time, and only by versions that are loading, as their own records. */
function loadingOf(mirror: Mirror, changes: RowChanges, state: WarehouseState): Loading | null {
  const { stream } = mirror
  if (state.resync(stream) !== 'fresh' || changes.size > mostRows) return null
  if (isJoined(stream, state.matches)) return null
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

interface Known {
  /** Whether a record may be of a row that is gone, and waits to be re-matched. */
  readonly isWaiting: boolean
  /** Matches about which reviewers decided anything. */
  readonly decided: ReadonlySet<string>
}

async function readKnown(session: Session, { matches }: WarehouseState): Promise<Known> {
  const names = matches.map(({ plan }) => plan.name)
  const [isWaiting, decided] = await session.one(
    `select exists (select from changed_record) or exists (select from changed_join)
         or exists (select from syncline.match_queue where model = any($1)),
            (select json_agg(name) from unnest($2::text[]) as name
              where exists (select from syncline.match_decision where match = name and undone_at is null))`,
    [matches.map(({ model }) => model), names],
  )
  return { isWaiting: isWaiting === 't', decided: new Set(JSON.parse(decided ?? '[]') as string[]) }
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
