import type { ChangePiece } from '../../changes/change-batch.ts'
import type { AuditPace } from '../../changes/source.ts'
import type { Chunk } from '../chunk.ts'
import type { Cursor } from '../chunk-select.ts'
import { isReached, type LogPosition } from '../log-position.ts'
import type { TableLine } from '../snapshot-ledger.ts'
import type { FollowedTable } from './followed-table.ts'
import type { BatchBuilder } from './batch-builder.ts'
import { Window } from './window.ts'

/** `mirror`: to be written. `audit`: to be compared with what is written. */
export type Purpose = 'mirror' | 'audit'

/** A chunk that was read, and where the log has to be before it may be delivered. */
interface ReadyChunk {
  readonly chunk: Chunk
  readonly high: LogPosition
}

/**
 * The reading of one table while its rows also come in the log: chunk by chunk, each with a window of its own. See
 * `readChunk` for why no update is lost.
 */
export class TableReading {
  readonly table: FollowedTable
  readonly purpose: Purpose
  #pace: AuditPace | undefined
  /** The next chunk is not to be read before, in milliseconds since the epoch. */
  notBeforeMs = 0
  /** Of the run of the source's position. */
  readonly run: number
  readonly #alterations: number
  #lastKey: Cursor | null
  #rows: number
  #window: Window
  #ready: ReadyChunk | null = null
  #reading = false

  constructor(
    table: FollowedTable,
    {
      run,
      resumed,
      purpose,
      pace,
    }: { run: number; resumed: TableLine | null; purpose: Purpose; pace?: AuditPace | undefined },
  ) {
    this.table = table
    this.purpose = purpose
    this.#pace = pace
    this.run = run
    this.#alterations = table.alterations
    this.#lastKey = resumed?.lastKey ?? null
    this.#rows = resumed?.rows ?? 0
    this.#window = new Window(table.stream)
  }

  get window(): Window {
    return this.#window
  }

  get rows(): number {
    return this.#rows
  }

  get lastKey(): Cursor | null {
    return this.#lastKey
  }

  /** Whether a statement came between that makes what was read so far worthless. */
  get isVoid(): boolean {
    const state = this.purpose === 'mirror' ? 'reading' : 'followed'
    return this.table.alterations !== this.#alterations || this.table.state !== state
  }

  get isReading(): boolean {
    return this.#reading
  }

  get isIdle(): boolean {
    return !this.#reading && this.#ready === null
  }

  /** From here on every key that the log touches is collected. */
  openWindow(): void {
    this.#window = new Window(this.table.stream)
    this.#ready = null
    this.#reading = true
  }

  /** The chunk of the open window was read. */
  read(ready: ReadyChunk): void {
    this.#ready = ready
    this.#reading = false
    const { rows, rejected } = ready.chunk
    this.#window.restrictTo([...rows, ...rejected].map(({ key }) => key))
  }

  /** What the builder holds behind its mark is committed now. */
  note({ changes, rejected, committed }: BatchBuilder): void {
    this.#window.note(changes, rejected, committed)
  }

  noteAll({ changes, rejected }: ChangePiece): void {
    this.#window.note(changes, rejected, { changes: 0, rejected: 0 })
  }

  get pace(): AuditPace | undefined {
    return this.#pace
  }

  /** Somebody waits: it goes on as fast as it can. */
  hurry(): void {
    this.#pace = undefined
    this.notBeforeMs = 0
  }

  /** So long that no more rows are read than the pace allows. */
  waitFor(rows: number, now: number): void {
    if (this.pace !== undefined) this.notBeforeMs = now + (rows / this.pace.rowsPerSecond) * 1000
  }

  /** The chunk has to be read again. */
  giveUpChunk(): void {
    this.#ready = null
    this.#reading = false
  }

  /** Whether the log has come past everything that the chunk may have seen. */
  isReached(position: LogPosition): boolean {
    return this.#ready !== null && isReached(position, this.#ready.high)
  }

  /** The chunk without the rows that the log touched; the window closes. */
  deliver(): Delivered {
    const chunk = this.#ready?.chunk
    if (chunk === undefined) throw new TypeError('no chunk was read')
    this.#lastKey = chunk.lastKey
    this.#rows += chunk.rows.length + chunk.rejected.length
    this.#ready = null
    const state = chunk.done ? 'done' : 'running'
    return {
      rows: chunk.rows.filter(({ key }) => !this.#window.has(key)),
      rejected: chunk.rejected.filter(({ key }) => !this.#window.has(key)),
      line: { run: this.run, state, lastKey: chunk.lastKey, rows: this.#rows },
      bytes: chunk.bytes,
    }
  }
}

interface Delivered extends Pick<Chunk, 'rows' | 'rejected' | 'bytes'> {
  readonly line: Omit<TableLine, 'fingerprint'>
}
