import type { ChangeBatch } from '../changes/change-batch.ts'
import type { OpenOptions, Source, SourceProgress } from '../changes/source.ts'
import type { Clock } from '../runtime/clock.ts'
import { OperatorError, StoppingError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import type { RetryPolicy } from '../runtime/retry.ts'
import type { Chunk } from './chunk.ts'
import type { Cursor } from './chunk-select.ts'
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
import { databaseOfUrl } from './server-url.ts'
import { assembleTable, describeTable, fingerprint, type Table, type TableName } from './table.ts'
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
  readonly log: Logger
  readonly clock: Clock
}

export interface MysqlTableOptions {
  /** In the url's database, or `database.table`. */
  readonly table: string
  readonly stream: string
  /** All unless told; the key is always mirrored. */
  readonly columns?: readonly string[]
}

const defaultRetryPolicy: RetryPolicy = { attempts: 6, baseMs: 200, maxMs: 5_000 }

interface Wanted {
  readonly name: TableName
  readonly stream: string
  readonly columns: readonly string[] | undefined
}

/** Reads every table once for each `open`, going on where an interrupted snapshot was committed. */
export function createMysqlSource(options: MysqlSourceOptions): Source {
  return new MysqlSource(options)
}

class MysqlSource implements Source {
  readonly name: string
  readonly streams: readonly string[]
  readonly position = mysqlPositionFormat
  readonly #options: MysqlSourceOptions
  readonly #wanted: readonly Wanted[]
  readonly #connect: Omit<ConnectOptions, 'signal'>
  readonly #codec: CodecOptions
  readonly #progress = new Map<string, SourceProgress>()
  readonly #closing = new AbortController()

  constructor(options: MysqlSourceOptions) {
    this.#options = options
    this.name = options.name
    this.streams = options.tables.map(({ stream }) => stream)
    this.#wanted = wantedTables(options)
    this.#connect = { url: options.url, tls: options.tls, connectTimeoutMs: options.connectTimeoutMs }
    this.#codec = { zeroDates: options.zeroDates ?? 'reject' }
  }

  async *open({ after, ledger, signal }: OpenOptions): AsyncGenerator<ChangeBatch, void, undefined> {
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
      return await preflight({ connection, tables: this.#wanted, logSeverity: 'warning' })
    } finally {
      await connection.close()
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
    const { flavour } = connection.server
    const tables: Table[] = []
    for (const wanted of this.#wanted) {
      const described = await describeTable(connection, wanted.name)
      const table = assembleTable(described, { ...wanted, ...this.#codec, flavour })
      const [defect] = described.kind === null ? [] : shapeDefects(described, wanted, flavour)
      if (table === null || defect !== undefined) throw unusable(wanted, defect)
      tables.push(table)
    }
    return tables
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

function unusable(
  { name }: Wanted,
  defect: { code: string; message: string; cure: string } | undefined,
): OperatorError {
  return new OperatorError({
    code: defect?.code ?? 'table-missing',
    message: defect?.message ?? `there is no table ${name.schema}.${name.name} that may be read`,
    hint:
      defect?.cure ??
      'Check that the table is there under this name and that the user of the source’s url may select from it.',
    area: 'configuration',
  })
}

function wantedTables({ url, tables }: MysqlSourceOptions): Wanted[] {
  const database = databaseOfUrl(url)
  return tables.map(({ table, stream, columns }) => {
    const dot = table.indexOf('.')
    const schema = dot < 0 ? database : table.slice(0, dot)
    if (schema === null) {
      throw new OperatorError({
        code: 'database-missing',
        message: `no database is named for table ${table}`,
        hint: 'End the source’s url with /database, or write the table as database.table.',
        area: 'configuration',
      })
    }
    return { name: { schema, name: table.slice(dot + 1) }, stream, columns }
  })
}
