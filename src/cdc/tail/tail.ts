import { randomInt } from 'node:crypto'
import type { ChangeBatch, ChangePiece } from '../../changes/change-batch.ts'
import type { AuditPace } from '../../changes/source.ts'
import { OperatorError, StoppingError, SynclineError, TransientError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import { backoffMs, type RetryPolicy } from '../../runtime/retry.ts'
import { isHeartbeat, readHeader } from '../binlog/event.ts'
import { PositionLost } from '../binlog/log-error.ts'
import type { Connection } from '../connection.ts'
import { readBarrier, type Barrier } from '../log.ts'
import type { LogPosition } from '../log-position.ts'
import { runEntry } from '../snapshot-ledger.ts'
import { BatchBuilder } from './batch-builder.ts'
import { Bell } from './bell.ts'
import { Delivery } from './delivery.ts'
import type { FollowedTable } from './followed-table.ts'
import { FollowedTables } from './followed-tables.ts'
import { Alterations } from './alterations.ts'
import type { LogReader } from './log-reader.ts'
import { LogLink } from './log-link.ts'
import { PreparedTransactions } from './prepared-transactions.ts'
import { Surroundings } from './surroundings.ts'
import { Headroom } from './retention.ts'
import { TableReadings } from './table-readings.ts'
import type { TailOptions } from './tail-options.ts'
import { TailStart } from './tail-start.ts'
import type { TransactionIds } from './transaction-ids.ts'

const reconnectPolicy: RetryPolicy = { attempts: Infinity, baseMs: 100, maxMs: 15_000 }

/** How long the stored position may stay behind a log that has nothing for us. */
const idleMs = 1_000

/**
 * Follows a server's log for ever, and reads tables meanwhile. Connections come and go; what was taken in and not yet
 * delivered outlives them, for it ends at a transaction.
 */
export class Tail {
  readonly tables: FollowedTables
  readonly #options: TailOptions
  readonly #bell = new Bell()
  readonly #builder = new BatchBuilder()
  readonly #readings: TableReadings
  readonly #surroundings: Surroundings
  readonly #alterations: Alterations
  readonly #headroom: Headroom
  /** Of ours, as a replica; the same for as long as the process lives, so that a lost session is ended by the next. */
  readonly #serverId = randomInt(2 ** 30, 2 ** 32 - 1)
  /** Of those to be read anew, the ones that are not waiting for it yet. */
  readonly #resyncs: Set<string>
  readonly #audits: Map<string, AuditPace | undefined>
  #ids: TransactionIds | null = null
  #link: LogLink | null = null
  readonly #prepared: PreparedTransactions
  readonly #delivery: Delivery
  readonly #start: TailStart
  #deliveredAt = 0
  #announced = false
  /** Whether somebody takes the server as it is now. Once its log goes on, nobody knows of what may come later. */
  #anew: boolean

  constructor(options: TailOptions) {
    this.#options = options
    this.#anew = options.anew
    this.#delivery = new Delivery(options.after)
    this.#headroom = new Headroom(options.clock)
    this.#resyncs = new Set(options.resyncs)
    this.#audits = new Map(options.audits)
    this.#prepared = new PreparedTransactions(options.batchBytes)
    this.tables = new FollowedTables(options.captured)
    this.#surroundings = new Surroundings(options)
    this.#readings = new TableReadings({
      ...options,
      reader: options.chunks,
      describe: (table) => this.#surroundings.describeBehind(table.wanted, lockNoted(table, options.log)),
      onHeld: (table, why) => {
        lockNoted(table, options.log)(why)
      },
      onUnreadable: (table, reason, lasting) => {
        this.#alterations.stop(table, reason, lasting)
      },
      barrier: (connection) => this.#barrier(connection),
      onSettled: this.#bell.ring,
      onRead: (stream, purpose) => (purpose === 'mirror' ? options.resyncs : options.audits).delete(stream),
    })
    this.#alterations = new Alterations({
      tables: this.tables,
      readings: this.#readings,
      builder: this.#builder,
      describe: (table) => this.#surroundings.describe(table.wanted, lockNoted(table)),
      decode: (text) => this.#surroundings.decode(text),
      run: () => this.#delivery.run,
      zeroDates: options.zeroDates,
      log: options.log,
    })
    this.#start = new TailStart({
      ...options,
      tables: this.tables,
      readings: this.#readings,
      surroundings: this.#surroundings,
      prepared: this.#prepared,
      builder: this.#builder,
      delivery: this.#delivery,
      isAccepted: (error) => this.#isAccepted(error),
    })
    options.signal.addEventListener('abort', this.#bell.ring, { once: true })
  }

  /** How long the server keeps what comes next, in milliseconds; null if unknown or for ever. */
  get headroomMs(): number | null {
    return this.#headroom.ms
  }

  /** Told by what is to be read, not by the last step: a table may be lost in the log's next event. */
  get state(): 'connecting' | 'snapshot' | 'streaming' {
    if (this.#link === null) return 'connecting'
    return this.#readings.isMirroring || this.#resyncs.size > 0 ? 'snapshot' : 'streaming'
  }

  get heardAt(): number | null {
    return this.#link?.listener.heardAt ?? null
  }

  /**
   * Streams that are not followed until somebody acts, and why: stopped ones that are not about to be read anew, and those
   * whose table somebody keeps locked.
   */
  get stopped(): ReadonlyMap<string, string> {
    const stopped = new Map<string, string>()
    for (const { stream, state, reason, lockedOut } of this.tables.all) {
      if (state === 'stopped' && !this.#resyncs.has(stream)) stopped.set(stream, reason ?? '')
      else if (lockedOut !== null) stopped.set(stream, lockedOut)
    }
    return stopped
  }

  resync(stream: string): void {
    this.#resyncs.add(stream)
    this.#bell.ring()
  }

  audit(stream: string, pace?: AuditPace): void {
    this.#audits.set(stream, pace)
    this.#bell.ring()
  }

  async *batches(): AsyncGenerator<ChangeBatch, void, undefined> {
    this.#ids = await this.#start.restore()
    for (let failures = 0; ;) {
      const began = this.#options.clock.now()
      try {
        await this.#connect()
        yield* this.#follow()
      } catch (error) {
        if (this.#options.signal.aborted) throw new StoppingError()
        if (error instanceof PositionLost || this.#isAccepted(error)) await this.#startOver(error)
        else if (!(error instanceof TransientError)) throw error
        // A link that held for a while is no worse than a new one.
        failures = this.#options.clock.now() - began > 60_000 ? 0 : failures + 1
        await this.#pause(error, failures)
      } finally {
        this.#disconnect()
      }
    }
  }

  /** Whether somebody who knows the error has asked to read from this server all the same. */
  #isAccepted(error: unknown): error is OperatorError {
    return error instanceof OperatorError && error.resyncMends && this.#anew
  }

  async #startOver({ code, message, hint }: SynclineError): Promise<void> {
    this.#options.log.error({ code, hint }, `${message}; every table is read again`)
    this.#anew = false
    this.#ids = await this.#start.anew()
  }

  async #connect(): Promise<void> {
    this.#link = await LogLink.open({
      ...this.#options,
      from: this.#position(),
      serverId: this.#serverId,
      tables: this.tables,
      surroundings: this.#surroundings,
      headroom: this.#headroom,
      builder: this.#builder,
      prepared: this.#prepared,
      onArrival: this.#bell.ring,
      onSilence: (error) => {
        this.#options.chunks.suspect(error)
        this.#options.questions.suspect(error)
      },
      onPlace: (place) => this.#ids?.moveTo(place),
      onCommit: (id) => {
        this.#anew = false
        if (id !== null) this.#ids?.add(id)
        this.#readings.current?.note(this.#builder)
      },
    })
  }

  #disconnect(): void {
    this.#link?.close()
    this.#link = null
    this.#builder.rollBackTo(this.#builder.committed)
    this.#readings.interrupt()
  }

  async #pause(error: unknown, failures: number): Promise<void> {
    const waitMs = failures === 0 ? 0 : backoffMs(reconnectPolicy, Math.min(failures, 12), Math.random)
    const code = error instanceof SynclineError ? error.code : 'unknown'
    const message = error instanceof Error ? error.message : String(error)
    this.#options.log.warn({ code, waitMs: Math.round(waitMs) }, message)
    this.#disconnect()
    await this.#options.clock.sleep(waitMs, this.#options.signal)
  }

  async *#follow(): AsyncGenerator<ChangeBatch, never, undefined> {
    const { signal } = this.#options
    for (;;) {
      if (signal.aborted) throw new StoppingError()
      await this.#readEvents()
      if (this.#builder.openBytes > this.#options.batchBytes) {
        if (!this.#builder.isEmpty) yield this.#cut()
        yield this.#largeBatch()
        continue
      }
      if (this.#isBetweenTransactions) this.#readTables()
      if (this.#isDue) yield this.#cut()
      else await this.#bell.rung(idleMs)
    }
  }

  /** Whether no row of an unfinished transaction waits in the builder. */
  get #isBetweenTransactions(): boolean {
    return (
      this.#builder.mark.changes === this.#builder.committed.changes && this.#link?.reader.openId === null
    )
  }

  get #isFull(): boolean {
    const { batchRows, batchBytes } = this.#options
    const { changes, bytes } = this.#builder.committed
    return changes >= batchRows || bytes >= batchBytes
  }

  get #isDue(): boolean {
    if (!this.#builder.isEmpty) return true
    if (this.#options.clock.now() - this.#deliveredAt < idleMs) return false
    return this.#delivery.isBehind(this.#position())
  }

  /** Takes in what has arrived, up to a batch. */
  async #readEvents({ untilCommit = false } = {}): Promise<void> {
    if (this.#link === null) return
    const { listener, reader } = this.#link
    const { batchBytes } = this.#options
    while (!this.#isFull && this.#builder.openBytes <= batchBytes && !this.#readings.holdsLog) {
      const packet = listener.take()
      if (packet === null) return
      this.#noteTime(packet)
      const effect = reader.accept(packet)
      if (effect !== null) {
        await this.#alterations.apply(effect)
        if (effect.kind === 'statement') reader.statementDone(packet)
      }
      if (untilCommit && reader.openId === null) return
    }
  }

  /** A server sends heartbeats only when it has nothing else for us. */
  #noteTime(packet: Buffer): void {
    const { timestamp } = readHeader(packet)
    if (isHeartbeat(packet)) {
      this.#anew = false
      this.#headroom.reach(this.#options.clock.now())
    } else if (timestamp > 0) this.#headroom.reach(timestamp * 1000)
  }

  #readTables(): void {
    for (const stream of this.#resyncs) this.#alterations.resync(stream)
    this.#resyncs.clear()
    for (const table of this.tables.all) {
      const { stream } = table
      if (this.#audits.has(stream)) this.#readings.request(table, 'audit', this.#audits.get(stream))
    }
    this.#audits.clear()
    const { run } = this.#delivery
    this.#readings.step({ position: () => this.#position(), builder: this.#builder, run })
    const reading = this.#readings.isMirroring
    if (this.#announced === reading) return
    this.#announced = reading
    const streams = this.tables.all.map(({ stream }) => stream)
    this.#builder.note(runEntry({ run, state: reading ? 'running' : 'done', streams }))
  }

  #position(): LogPosition {
    if (this.#ids === null) throw new TypeError('the log has no position yet')
    return this.#ids.position
  }

  #barrier(connection: Connection): Promise<Barrier | null> {
    const position = this.#position()
    if (position.kind === 'mysql-gtid' || position.kind === 'file') return Promise.resolve(position)
    const last = this.#link?.lastCommitOn(connection.server)
    return last == null ? readBarrier(connection) : Promise.resolve({ kind: 'mariadb-file', ...last })
  }

  #cut(): ChangeBatch {
    return this.#batch(this.#position(), this.#builder.takeCommitted())
  }

  #batch(log: LogPosition, content: Omit<ChangeBatch, 'before' | 'after'>): ChangeBatch {
    this.#deliveredAt = this.#options.clock.now()
    return this.#delivery.batch(log, content)
  }

  /** A transaction that does not fit: its beginning, and the rest as it comes. */
  #largeBatch(): ChangeBatch {
    const reader = this.#link?.reader
    const id = reader?.openId
    if (reader === undefined || id == null || this.#ids === null)
      throw new TypeError('no transaction is open')
    const piece = reader.takePiece()
    const batch = this.#batch(this.#ids.with(id), {
      ...piece,
      ledger: [],
      committedAt: id.kind === 'mariadb-gtid' ? null : id.committedAt,
      rest: this.#rest(reader),
    })
    this.#readings.current?.noteAll(piece)
    return batch
  }

  async *#rest(reader: LogReader): AsyncGenerator<ChangePiece, void, undefined> {
    const { signal } = this.#options
    for (let isOpen = true; isOpen;) {
      if (signal.aborted) throw new StoppingError()
      await this.#readEvents({ untilCommit: true })
      isOpen = reader.openId !== null
      if (!isOpen) {
        yield this.#builder.takeCommitted()
      } else if (this.#builder.openBytes > this.#options.batchBytes) {
        const piece = reader.takePiece()
        this.#readings.current?.noteAll(piece)
        yield piece
      } else {
        await this.#bell.rung(idleMs)
      }
    }
  }
}

/** Said once, however long it lasts, by whoever tries for as long as it does. */
function lockNoted(table: FollowedTable, log?: Logger): (why: string | null) => void {
  return (why) => {
    if (why !== null && table.lockedOut === null) log?.warn({ stream: table.stream }, why)
    table.lockedOut = why
  }
}
