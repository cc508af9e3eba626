import type { AuditPace } from '../../changes/source.ts'
import type { Clock } from '../../runtime/clock.ts'
import { OperatorError, StoppingError } from '../../runtime/errors.ts'
import type { Connection } from '../connection.ts'
import type { Chunk } from '../chunk.ts'
import type { Barrier } from '../log.ts'
import { isGtidHeld, readHigh } from '../log.ts'
import { isReached, type LogPosition } from '../log-position.ts'
import type { Reader } from '../reader.ts'
import type { CodecOptions } from '../rows/value-codec.ts'
import { tableEntry, type TableLine } from '../snapshot-ledger.ts'
import { streamColumns } from '../table.ts'
import type { BatchBuilder } from './batch-builder.ts'
import { logPlace } from './log-start.ts'
import type { FollowedTable } from './followed-table.ts'
import { policyProblem } from './schema-policy.ts'
import { shapeEntry, type Shape } from './shape.ts'
import { isTableLocked } from './table-lock.ts'
import { TableReading, type Purpose } from './table-reading.ts'

export interface TableReadingsOptions extends CodecOptions {
  readonly reader: Reader
  readonly clock: Clock
  /** The table as it is now; null when it is not there. Throws an `OperatorError` when it cannot be captured. */
  readonly describe: (table: FollowedTable) => Promise<Described>
  /** The last commit that the log delivered. */
  readonly barrier: (connection: Connection) => Promise<Barrier | null>
  /** Why a table that is being read has to wait for others, and null when it does not. */
  readonly onHeld: (table: FollowedTable, why: string | null) => void
  /** A table that cannot be read, and why. */
  readonly onUnreadable: (table: FollowedTable, reason: string, options: { lasting: boolean }) => void
  /** Keys that the log may touch while a chunk is being read before it has to wait for the chunk. */
  readonly mostTouched: number
  readonly onSettled: () => void
  readonly onRows: (stream: string, rows: number) => void
  /** A table was read to its end. */
  readonly onRead: (stream: string, purpose: Purpose) => void
}

/** A table as it is, and where the log stood no earlier than that. */
export interface Described {
  readonly shape: Shape
  readonly high: LogPosition
}

interface Request {
  readonly table: FollowedTable
  readonly purpose: Purpose
  readonly pace?: AuditPace | undefined
}

interface Beginning {
  readonly table: FollowedTable
  readonly alterations: number
  outcome: Described | Error | null
}

/**
 * Reads tables, one after the other, while the log goes on. What takes time happens beside the log; whatever is
 * delivered is put between two of its transactions, when `step` is called.
 */
export class TableReadings {
  readonly #options: TableReadingsOptions
  #queue: Request[] = []
  #beginning: Beginning | null = null
  #current: TableReading | null = null
  #failure: Error | null = null

  constructor(options: TableReadingsOptions) {
    this.#options = options
  }

  get current(): TableReading | null {
    return this.#current
  }

  /** Whether a mirror is being filled or waits for it. */
  get isMirroring(): boolean {
    return (
      this.#beginning !== null ||
      this.#current?.purpose === 'mirror' ||
      this.#queue.some(({ purpose }) => purpose === 'mirror')
    )
  }

  /** Whether the log has to wait for the chunk under way. */
  get holdsLog(): boolean {
    return this.#current?.isReading === true && this.#current.window.size > this.#options.mostTouched
  }

  /**
   * Asks for a table to be read from its first row, after those that were asked for before. What takes its time takes it
   * only as long as nobody waits behind it.
   */
  request(table: FollowedTable, purpose: Purpose = 'mirror', pace?: AuditPace): void {
    if (pace === undefined) {
      this.#current?.hurry()
      this.#queue = this.#queue.map((request) => ({ ...request, pace: undefined }))
    }
    if (!this.#isRequested(table, purpose)) this.#queue.push({ table, purpose, pace })
  }

  /** One that is described only has not begun, and is described again if it was altered since. */
  #isRequested(table: FollowedTable, purpose: Purpose): boolean {
    if (purpose === 'mirror' && this.#beginning?.table === table) return true
    return this.#queue.some((request) => request.table === table && request.purpose === purpose)
  }

  resume(table: FollowedTable, line: TableLine): void {
    this.#current = new TableReading(table, { run: line.run, resumed: line, purpose: 'mirror' })
  }

  /** What was being read is read again: another server may have taken over meanwhile. */
  interrupt(): void {
    const table = this.#beginning?.table
    this.#beginning = null
    if (table !== undefined) this.#putFirst({ table, purpose: 'mirror' })
    this.#failure = null
    this.#current?.giveUpChunk()
  }

  /** All but the comparisons that somebody waits for. */
  forget(): void {
    if (this.#current?.purpose === 'audit') this.request(this.#current.table, 'audit', this.#current.pace)
    this.#queue = this.#queue.filter(({ purpose }) => purpose === 'audit')
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
    const begun = this.#begin(position, builder, run)
    const current = this.#current
    if (current === null) return begun
    const delivered = !current.isReading && !current.isIdle && current.isReached(position())
    if (delivered) this.#deliver(current, builder)
    if (this.#current?.isIdle === true && this.#current.notBeforeMs <= this.#options.clock.now()) {
      this.#readChunk(this.#current)
    }
    return begun || delivered
  }

  #dropVoid(): void {
    const current = this.#current
    if (current?.isVoid !== true) return
    this.#current = null
    const { table, purpose, pace } = current
    if (purpose === 'audit') {
      this.request(table, 'audit', pace)
      return
    }
    if (table.state === 'reading') table.state = 'unread'
    if (table.state === 'unread') this.#putFirst({ table, purpose, pace })
  }

  /** Whoever has asked for it meanwhile is answered by the same reading. */
  #putFirst(request: Request): void {
    const { table, purpose } = request
    this.#queue = [request, ...this.#queue.filter((one) => one.table !== table || one.purpose !== purpose)]
  }

  /**
   * A table is described before its first chunk, and not by what was there before the last statement that altered it.
   * It is read from where the log stood then: before that the log may have rows of another shape.
   */
  #begin(position: () => LogPosition, builder: BatchBuilder, run: number): boolean {
    if (this.#current !== null) return false
    if (this.#beginning === null) {
      const next = this.#queue.findIndex(
        ({ table, purpose }) => purpose === 'mirror' || table.state === 'followed',
      )
      const [request] = next < 0 ? [] : this.#queue.splice(next, 1)
      if (request === undefined) return false
      if (request.purpose === 'audit') {
        this.#beginAudit(request, { builder, run })
        return true
      }
      this.#describe(request.table)
      return false
    }
    const { table, alterations, outcome } = this.#beginning
    if (outcome === null) return false
    if (table.alterations !== alterations) {
      this.#describe(table)
      return false
    }
    const isError = outcome instanceof Error
    if (isTableLocked(outcome) || isGtidHeld(outcome)) {
      // Others need not wait for it.
      this.#beginning = null
      this.request(table)
      return false
    }
    if (isError && !(outcome instanceof OperatorError)) {
      // The link was lost: `interrupt` has it described again.
      throw outcome
    }
    if (!isError && !isReached(position(), outcome.high)) return false
    this.#beginning = null
    const lasting = isError ? null : policyProblem(table, outcome.shape)
    if (isError)
      this.#options.onUnreadable(table, `${outcome.message}; ${outcome.hint ?? ''}`, { lasting: false })
    else if (lasting !== null) this.#options.onUnreadable(table, lasting, { lasting: true })
    else this.#beginReading(table, outcome.shape, { builder, run })
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
    builder.note({ key: `stopped/${stream}`, value: undefined })
    this.#current = new TableReading(table, { run, resumed: null, purpose: 'mirror' })
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

  /** Told before the first window opens: what the log touches from here on is no extra row. */
  #beginAudit({ table, pace }: Request, { builder, run }: { builder: BatchBuilder; run: number }): void {
    this.#current = new TableReading(table, { run, resumed: null, purpose: 'audit', pace })
    builder.audit = { stream: table.stream, first: true, rows: [], last: false }
    builder.commit(null)
  }

  #describe(table: FollowedTable): void {
    const beginning: Beginning = { table, alterations: table.alterations, outcome: null }
    this.#beginning = beginning
    this.#options.describe(table).then(
      (described) => {
        beginning.outcome = described
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
        if (isCurrent() && reading.isReading) {
          reading.read(ready)
          this.#options.onHeld(reading.table, null)
        }
        this.#options.onSettled()
      },
      (error: unknown) => {
        if (isCurrent()) this.#onChunkFailure(reading, error)
        this.#options.onSettled()
      },
    )
  }

  async #chunkWithHigh({ table, lastKey }: TableReading): Promise<{ chunk: Chunk; high: LogPosition }> {
    const { reader, barrier } = this.#options
    const shape = table.shape
    if (shape === null) throw new TypeError(`${table.name} was never described`)
    const chunk = await reader.readChunk(shape.table, lastKey, barrier)
    const high = logPlace(chunk.high ?? (await reader.run(readHigh)))
    return { chunk, high }
  }

  /** A table that is not any more what was described is begun anew; the log will say what happened to it. */
  #onChunkFailure(reading: TableReading, error: unknown): void {
    if (error instanceof StoppingError) return
    // In the middle of a large transaction nobody takes a step, and the log must not wait for what does not come.
    reading.giveUpChunk()
    if (isGtidHeld(error)) {
      this.#options.onHeld(reading.table, error.message)
      return
    }
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'table-changed' || code === 'table-missing') {
      reading.table.alterations++
      return
    }
    this.#failure = error instanceof Error ? error : new Error(String(error))
  }

  #deliver(reading: TableReading, builder: BatchBuilder): void {
    if (reading.purpose === 'audit') this.#deliverAudit(reading, builder)
    else this.#deliverMirror(reading, builder)
  }

  #deliverMirror(reading: TableReading, builder: BatchBuilder): void {
    const { table } = reading
    const { stream } = table
    const { rows, rejected, line, bytes } = reading.deliver()
    for (const { key, row } of rows) builder.changes.push({ kind: 'upsert', stream, key, row })
    for (const one of rejected) builder.reject({ stream, ...one })
    if (line.state === 'done') builder.changes.push({ kind: 'resync-end', stream })
    builder.grow(bytes)
    builder.note(tableEntry(stream, { ...line, fingerprint: table.shape?.fingerprint ?? '' }))
    builder.commit(null)
    this.#options.onRows(stream, line.rows)
    if (line.state === 'done') {
      table.state = 'followed'
      table.loaded = true
      table.rows = line.rows
      this.#current = null
      if (!this.#isRequested(table, 'mirror')) this.#options.onRead(stream, 'mirror')
    }
  }

  #deliverAudit(reading: TableReading, builder: BatchBuilder): void {
    const { stream } = reading.table
    const { rows, line, bytes } = reading.deliver()
    const last = line.state === 'done'
    builder.audit = { stream, first: false, rows, last }
    builder.grow(bytes)
    builder.commit(null)
    if (!last) {
      reading.waitFor(rows.length, this.#options.clock.now())
      return
    }
    this.#current = null
    if (!this.#isRequested(reading.table, 'audit')) this.#options.onRead(stream, 'audit')
  }
}
