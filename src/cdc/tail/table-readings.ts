import type { Logger } from '../../runtime/logger.ts'
import { OperatorError, StoppingError } from '../../runtime/errors.ts'
import type { Connection } from '../connection.ts'
import type { Chunk } from '../chunk.ts'
import type { Barrier } from '../log.ts'
import { readHigh } from '../log.ts'
import type { LogPosition } from '../log-position.ts'
import type { Reader } from '../reader.ts'
import type { CodecOptions } from '../rows/value-codec.ts'
import { tableEntry, type TableLine } from '../snapshot-ledger.ts'
import { streamColumns } from '../table.ts'
import type { BatchBuilder } from './batch-builder.ts'
import type { FollowedTable } from './followed-table.ts'
import { shapeEntry, type Shape } from './shape.ts'
import { TableReading } from './table-reading.ts'

export interface TableReadingsOptions extends CodecOptions {
  readonly reader: Reader
  readonly log: Logger
  /** The table as it is now; null when it is not there. Throws an `OperatorError` when it cannot be captured. */
  readonly describe: (table: FollowedTable) => Promise<Shape>
  /** The last commit that the log delivered. */
  readonly barrier: (connection: Connection) => Promise<Barrier | null>
  readonly onSettled: () => void
  readonly onRows: (stream: string, rows: number) => void
  /** A table was read to its end. */
  readonly onRead: (stream: string) => void
}

/** Keys that the log may touch while a chunk is being read before it has to wait for the chunk. */
const mostTouched = 200_000

interface Beginning {
  readonly table: FollowedTable
  readonly alterations: number
  outcome: Shape | Error | null
}

/**
 * Reads tables, one after the other, while the log goes on. What takes time happens beside the log; whatever is
 * delivered is put between two of its transactions, when `step` is called.
 */
export class TableReadings {
  readonly #options: TableReadingsOptions
  #queue: FollowedTable[] = []
  #beginning: Beginning | null = null
  #current: TableReading | null = null
  #failure: Error | null = null

  constructor(options: TableReadingsOptions) {
    this.#options = options
  }

  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#beginning === null && this.#current === null
  }

  get current(): TableReading | null {
    return this.#current
  }

  /** Whether the log has to wait for the chunk under way. */
  get holdsLog(): boolean {
    return this.#current?.isReading === true && this.#current.window.size > mostTouched
  }

  /** Asks for a table to be read from its first row, after those that were asked for before. */
  request(table: FollowedTable): void {
    if (!this.#queue.includes(table)) this.#queue.push(table)
  }

  resume(table: FollowedTable, line: TableLine): void {
    this.#current = new TableReading(table, { run: line.run, resumed: line })
  }

  /** What was being read is read again: another server may have taken over meanwhile. */
  interrupt(): void {
    this.#failure = null
    this.#current?.giveUpChunk()
  }

  forget(): void {
    this.#queue = []
    this.#beginning = null
    this.#current = null
  }

  /**
   * Does what can be done now. `position` is where the log stands, between two transactions. Returns whether anything
   * was put into the builder.
   */
  step({
    position,
    builder,
    run,
  }: {
    position: () => LogPosition
    builder: BatchBuilder
    run: number
  }): boolean {
    if (this.#failure !== null) throw this.#failure
    this.#dropVoid()
    const begun = this.#begin(builder, run)
    const current = this.#current
    if (current === null) return begun
    const delivered = !current.isReading && !current.isIdle && current.isReached(position())
    if (delivered) this.#deliver(current, builder)
    if (this.#current?.isIdle === true) this.#readChunk(this.#current)
    return begun || delivered
  }

  #dropVoid(): void {
    const current = this.#current
    if (current?.isVoid !== true) return
    this.#current = null
    if (current.table.state === 'reading') current.table.state = 'unread'
    if (current.table.state === 'unread') this.#queue.unshift(current.table)
  }

  /** A table is described before its first chunk, and not by what was there before the last statement that altered it. */
  #begin(builder: BatchBuilder, run: number): boolean {
    if (this.#current !== null) return false
    if (this.#beginning === null) {
      const table = this.#queue.shift()
      if (table === undefined) return false
      this.#describe(table)
      return false
    }
    const { table, alterations, outcome } = this.#beginning
    if (outcome === null) return false
    this.#beginning = null
    if (table.alterations !== alterations) {
      this.#describe(table)
      return false
    }
    if (outcome instanceof Error) {
      if (!(outcome instanceof OperatorError)) throw outcome
      this.#options.log.error({ stream: table.stream, code: outcome.code }, outcome.message)
      table.state = 'stopped'
      table.reason = `${outcome.message}; ${outcome.hint ?? ''}`
      return false
    }
    this.#beginReading(table, outcome, { builder, run })
    return true
  }

  #beginReading(
    table: FollowedTable,
    shape: Shape,
    { builder, run }: { builder: BatchBuilder; run: number },
  ): void {
    const { stream } = table
    table.adopt(shape)
    table.state = 'reading'
    table.reason = null
    this.#current = new TableReading(table, { run, resumed: null })
    builder.changes.push(
      { kind: 'schema', stream, columns: streamColumns(shape.table, this.#options) },
      { kind: 'resync-begin', stream },
    )
    builder.note(shapeEntry(stream, shape))
    builder.note(
      tableEntry(stream, { run, state: 'running', lastKey: null, rows: 0, fingerprint: shape.fingerprint }),
    )
    builder.commit(null)
    this.#options.onRows(stream, 0)
  }

  #describe(table: FollowedTable): void {
    const beginning: Beginning = { table, alterations: table.alterations, outcome: null }
    this.#beginning = beginning
    this.#options.describe(table).then(
      (shape) => {
        beginning.outcome = shape
        this.#options.onSettled()
      },
      (error: unknown) => {
        beginning.outcome = error instanceof Error ? error : new Error(String(error))
        this.#options.onSettled()
      },
    )
  }

  #readChunk(reading: TableReading): void {
    reading.openWindow()
    const { window } = reading
    const isCurrent = (): boolean => this.#current === reading && reading.window === window
    this.#chunkWithHigh(reading).then(
      (ready) => {
        if (isCurrent() && reading.isReading) reading.read(ready)
        this.#options.onSettled()
      },
      (error: unknown) => {
        this.#onChunkFailure(reading, error)
        this.#options.onSettled()
      },
    )
  }

  async #chunkWithHigh({ table, lastKey }: TableReading): Promise<{ chunk: Chunk; high: LogPosition }> {
    const { reader, barrier } = this.#options
    const shape = table.shape
    if (shape === null) throw new TypeError(`${table.name} was never described`)
    const chunk = await reader.readChunk(shape.table, lastKey, barrier)
    const high = chunk.high ?? (await reader.run(readHigh))
    if (high === null) {
      throw new OperatorError({
        code: 'log-status-missing',
        message: 'the server does not tell where its log stands',
        hint: 'grant replication client on *.* (binlog monitor on MariaDB) to the user of the source’s url',
        area: 'permission',
      })
    }
    return { chunk, high }
  }

  /** A table that is not any more what was described is begun anew; the log will say what happened to it. */
  #onChunkFailure(reading: TableReading, error: unknown): void {
    if (this.#current !== reading || error instanceof StoppingError) return
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'table-changed' || code === 'table-missing') {
      reading.table.alterations++
      return
    }
    this.#failure = error instanceof Error ? error : new Error(String(error))
  }

  #deliver(reading: TableReading, builder: BatchBuilder): void {
    const { table } = reading
    const { changes, rejected, line, bytes } = reading.deliver()
    for (const change of changes) builder.changes.push(change)
    for (const one of rejected) builder.rejected.push(one)
    builder.grow(bytes)
    builder.note(tableEntry(table.stream, { ...line, fingerprint: table.shape?.fingerprint ?? '' }))
    builder.commit(null)
    this.#options.onRows(table.stream, line.rows)
    if (line.state === 'done') {
      table.state = 'followed'
      table.loaded = true
      this.#current = null
      if (!this.#queue.includes(table)) this.#options.onRead(table.stream)
    }
  }
}
