import type { ChangeBatch } from '../changes/change-batch.ts'
import type { AuditPace, OpenOptions, Source, SourceProgress, SourceStatus } from '../changes/source.ts'
import type { Clock } from '../runtime/clock.ts'
import { StoppingError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import type { RetryPolicy } from '../runtime/retry.ts'
import type { Chunk } from './chunk.ts'
import type { Cursor } from './chunk-select.ts'
import { unusable, wantedTables, type CapturedTable, type MysqlTableOptions } from './captured-table.ts'
import { Connection, type ConnectOptions } from './connection.ts'
import { mysqlPositionFormat } from './position.ts'
import { preflight, unreachable } from './preflight.ts'
import { shapeDefects } from './preflight-tables.ts'
import { Reader, tableChanged } from './reader.ts'
import type { CodecOptions } from './rows/value-codec.ts'
import { snapshotBatches } from './snapshot.ts'
import { mayHaveMissed, planSnapshot, wholeSnapshot, type SnapshotPlan } from './snapshot-plan.ts'
import { countRows } from './row-count.ts'
import { readLogStart } from './log.ts'
import { assembleTable, describeTable, fingerprint, type DescribedTable, type Table } from './table.ts'
import { Tail } from './tail/tail.ts'
import type { TlsOptions } from './tls.ts'

export interface MysqlSourceOptions {
  readonly name: string
  /** `mysql://user:password@host:3306/database`. */
  readonly url: string
  /** Read in this order. */
  readonly tables: readonly MysqlTableOptions[]
  /** Most rows of a chunk. */
  readonly chunkRows: number
  /** Most bytes of a chunk in memory; two chunks are in memory at a time. */
  readonly chunkBytes: number
  /** What becomes of dates that no calendar has: reject the record (unless told), or null. */
  readonly zeroDates?: CodecOptions['zeroDates']
  /** Null or absent: not encrypted. */
  readonly tls?: TlsOptions | null
  readonly connectTimeoutMs?: number
  /** How a lost connection is retried before the source gives up for now. */
  readonly retryPolicy?: RetryPolicy
  /** After the tables were read, follow the log until the signal; false unless told. */
  readonly follow?: boolean
  /** How often the server says that it is there when it has nothing to send, 5,000 unless told. */
  readonly heartbeatMs?: number
  /** Most changes of a batch, 10,000 unless told; a transaction is never split over batches. */
  readonly batchRows?: number
  /** Most memory of a batch, 2 MiB unless told; a larger transaction comes in pieces. */
  readonly batchBytes?: number
  /** Keys that the log may touch while a chunk is read before it waits for the chunk, 200,000 unless told. */
  readonly mostTouched?: number
  readonly log: Logger
  readonly clock: Clock
}

const defaultRetryPolicy: RetryPolicy = { attempts: 6, baseMs: 200, maxMs: 5_000 }

/**
 * Reads every table once for each `open`, going on where an interrupted snapshot was committed; or, to `follow`, reads
 * what was not read yet and follows the log for ever.
 */
export function createMysqlSource(options: MysqlSourceOptions): Source {
  return new MysqlSource(options)
}

class MysqlSource implements Source {
  readonly name: string
  readonly streams: readonly string[]
  readonly position = mysqlPositionFormat
  readonly #options: MysqlSourceOptions
  readonly #wanted: readonly CapturedTable[]
  readonly #connect: Omit<ConnectOptions, 'signal'>
  readonly #codec: CodecOptions
  readonly #progress = new Map<string, SourceProgress>()
  readonly #closing = new AbortController()
  #tail: Tail | null = null
  /** Streams that were asked to be read anew and have not been since: opening again asks again. */
  readonly #resyncs = new Set<string>()
  readonly #audits = new Map<string, AuditPace | undefined>()

  constructor(options: MysqlSourceOptions) {
    this.#options = options
    this.name = options.name
    this.streams = options.tables.map(({ stream }) => stream)
    this.#wanted = wantedTables(options.url, options.tables)
    this.#connect = { url: options.url, tls: options.tls, connectTimeoutMs: options.connectTimeoutMs }
    this.#codec = { zeroDates: options.zeroDates ?? 'reject' }
  }

  open(options: OpenOptions): AsyncGenerator<ChangeBatch, void, undefined> {
    return this.#options.follow === true ? this.#follow(options) : this.#readOnce(options)
  }

  async *#follow({
    after,
    ledger,
    signal,
    anew = false,
  }: OpenOptions): AsyncGenerator<ChangeBatch, void, undefined> {
    const stop = AbortSignal.any([signal, this.#closing.signal])
    const isStopping = (): boolean => stop.aborted
    if (isStopping()) throw new StoppingError()
    const {
      name,
      heartbeatMs = 5_000,
      batchRows = 10_000,
      batchBytes = 2 * 1024 * 1024,
      mostTouched = 200_000,
      log,
      clock,
    } = this.#options
    const [chunks, questions] = [this.#reader(stop), this.#reader(stop)]
    try {
      this.#tail = new Tail({
        ...this.#codec,
        name,
        captured: this.#wanted,
        connect: this.#connect,
        after,
        ledger,
        signal: stop,
        anew,
        chunks,
        questions,
        heartbeatMs,
        batchRows,
        batchBytes,
        mostTouched,
        queueBytes: 2 * batchBytes,
        log,
        clock,
        resyncs: this.#resyncs,
        audits: this.#audits,
        onRows: (stream, rows) => {
          this.#onRows(stream, rows)
        },
      })
      yield* this.#tail.batches()
    } catch (error) {
      if (isStopping()) throw new StoppingError()
      throw error
    } finally {
      this.#tail = null
      chunks.close()
      questions.close()
    }
  }

  resync(stream: string): void {
    if (!this.streams.includes(stream)) return
    this.#resyncs.add(stream)
    this.#tail?.resync(stream)
  }

  audit(stream: string, pace?: AuditPace): void {
    if (!this.streams.includes(stream)) return
    this.#audits.set(stream, pace)
    this.#tail?.audit(stream, pace)
  }

  status(): SourceStatus {
    const tables = this.#tail?.tables.all ?? []
    return {
      state: this.#tail?.state ?? 'waiting',
      loaded: tables.length > 0 && tables.every(({ loaded }) => loaded),
      heardAt: this.#tail?.heardAt ?? null,
      headroomMs: this.#tail?.headroomMs ?? null,
      stopped: this.#tail?.stopped ?? new Map(),
    }
  }

  async *#readOnce({ after, ledger, signal }: OpenOptions): AsyncGenerator<ChangeBatch, void, undefined> {
    const stop = AbortSignal.any([signal, this.#closing.signal])
    const reader = this.#reader(stop)
    try {
      // The log before the shapes: whatever changes a shape afterwards stands in the log after this.
      const start = await reader.run(readLogStart)
      const tables = await reader.run((connection) => this.#describe(connection))
      const plan = await planSnapshot({ after, ledger, tables, log: start.position })
      if (plan.restarted !== null) this.#options.log.warn({ source: this.name }, plan.restarted)
      const reached = yield* this.#snapshot(reader, plan, { tables, committed: after })
      if (mayHaveMissed(plan, start.position)) {
        this.#options.log.info(
          { source: this.name },
          'the source changed since the snapshot was interrupted: it is read again',
        )
        const again = wholeSnapshot(plan.run.run + 1, tables, start.position)
        yield* this.#snapshot(reader, again, { tables, committed: reached })
      }
      await reader.end()
    } catch (error) {
      if (stop.aborted) throw new StoppingError()
      throw error
    } finally {
      reader.close()
    }
  }

  /** Returns the position reached. */
  async *#snapshot(
    reader: Reader,
    plan: SnapshotPlan,
    { tables, committed }: { tables: readonly Table[]; committed: string | null },
  ): AsyncGenerator<ChangeBatch, string | null, undefined> {
    await this.#estimate(reader, tables)
    for (const { table, resumed } of plan.tasks) this.#onRows(table.stream, resumed?.rows ?? 0)
    let reached = committed
    const batches = snapshotBatches({
      ...plan,
      ...this.#codec,
      committed,
      readChunk: (table, place) => this.#readChunk(reader, table, place),
      onRows: (stream, rows) => {
        this.#onRows(stream, rows)
      },
    })
    for await (const batch of batches) {
      reached = batch.after
      yield batch
    }
    return reached
  }

  progress(): readonly SourceProgress[] {
    return [...this.#progress.values()]
  }

  async preflight(signal: AbortSignal): Promise<Awaited<ReturnType<typeof preflight>>> {
    let connection: Connection
    try {
      connection = await Connection.open({ ...this.#connect, signal })
    } catch (error) {
      if (error instanceof StoppingError) throw error
      return [unreachable(error)]
    }
    try {
      return await preflight({
        connection,
        tables: this.#wanted,
        logSeverity: this.#options.follow === true ? 'fatal' : 'warning',
      })
    } finally {
      await connection.close()
    }
  }

  async keys(signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
    const reader = this.#reader(AbortSignal.any([signal, this.#closing.signal]))
    try {
      return await reader.run(async (connection) => {
        const keys = new Map<string, readonly string[]>()
        for (const wanted of this.#wanted) {
          const { table } = await this.#assemble(connection, wanted)
          if (table !== null) keys.set(wanted.stream, table.key.columns)
        }
        return keys
      })
    } finally {
      reader.close()
    }
  }

  close(): Promise<void> {
    this.#closing.abort()
    return Promise.resolve()
  }

  #reader(signal: AbortSignal): Reader {
    const { chunkRows, chunkBytes, log, clock } = this.#options
    const retryPolicy = this.#options.retryPolicy ?? defaultRetryPolicy
    return new Reader({ connect: this.#connect, chunkRows, chunkBytes, retryPolicy, log, clock, signal })
  }

  /** Rows read before and after a change of shape must not be closed into one table. */
  async #readChunk(reader: Reader, table: Table, after: Cursor | null): Promise<Chunk> {
    const chunk = await reader.readChunk(table, after)
    if (!chunk.done) return chunk
    const now = (await reader.run((connection) => this.#describe(connection))).find(
      ({ stream }) => stream === table.stream,
    )
    if (now === undefined || fingerprint(now) !== fingerprint(table)) throw tableChanged(table)
    return chunk
  }

  async #describe(connection: Connection): Promise<Table[]> {
    const tables: Table[] = []
    for (const wanted of this.#wanted) {
      const { described, table } = await this.#assemble(connection, wanted)
      const { flavour } = connection.server
      const [defect] = described.kind === null ? [] : shapeDefects(described, wanted, flavour)
      if (table === null || defect !== undefined) throw unusable(wanted, defect)
      tables.push(table)
    }
    return tables
  }

  async #assemble(
    connection: Connection,
    wanted: CapturedTable,
  ): Promise<{ described: DescribedTable; table: Table | null }> {
    const described = await describeTable(connection, wanted.name)
    const { flavour } = connection.server
    return { described, table: assembleTable(described, { ...wanted, ...this.#codec, flavour }) }
  }

  async #estimate(reader: Reader, tables: readonly Table[]): Promise<void> {
    for (const table of tables) {
      const total = await reader.run((connection) => countRows(connection, table))
      this.#progress.set(table.stream, { phase: table.name, done: 0, total })
    }
  }

  #onRows(stream: string, rows: number): void {
    const progress = this.#progress.get(stream)
    if (progress === undefined) return
    const total = progress.total === null ? null : Math.max(progress.total, rows)
    this.#progress.set(stream, { ...progress, done: rows, total })
  }
}
