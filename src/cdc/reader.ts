import type { Clock } from '../runtime/clock.ts'
import { OperatorError, StoppingError, TransientError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import { retry, type RetryPolicy } from '../runtime/retry.ts'
import { ChunkSize } from './chunk-size.ts'
import { readChunk, type Chunk, type ChunkOptions } from './chunk.ts'
import type { Cursor } from './chunk-select.ts'
import { Connection, type ConnectOptions } from './connection.ts'
import { isGtidHeld, readBarrier, type Barrier } from './log.ts'
import type { Table } from './table.ts'

export interface ReaderOptions {
  readonly connect: Omit<ConnectOptions, 'signal'>
  readonly chunkRows: number
  readonly chunkBytes: number
  readonly retryPolicy: RetryPolicy
  readonly log: Logger
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Not repeated by the reader: the table has to be described anew, which opening the source again does. */
export function tableChanged({ schema, name }: Table, cause?: Error): TransientError {
  return new TransientError({
    code: 'table-changed',
    message: `table ${schema}.${name} changed while it was read${cause === undefined ? '' : `: ${cause.message}`}`,
    hint: 'Its snapshot begins again with the new columns.',
    cause,
  })
}

/** One connection that is replaced when it is lost; whatever was under way on it, for whomever, is done again. */
export class Reader {
  readonly #options: ReaderOptions
  #connection: Connection | null = null
  #opening: Promise<Connection> | null = null
  #closed = false
  #sizes = new WeakMap<Table, ChunkSize>()
  #exactText = new WeakSet<Table>()
  #barriers = new WeakMap<Connection, Barrier | null>()

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  /**
   * Runs `work`, again on a new connection after a `TransientError`; `gtid-held` is thrown at once. Throws a `StoppingError`
   * when the reader was closed or the signal aborted.
   */
  async run<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const { retryPolicy: policy, clock, signal, log } = this.#options
    const onRetry = (error: TransientError, attempt: number, waitMs: number): void => {
      log.warn({ code: error.code, attempt: attempt + 1, waitMs: Math.round(waitMs) }, error.message)
    }
    const attempt = async (): Promise<{ readonly value: T } | { readonly held: TransientError }> => {
      const connection = await this.#connect()
      try {
        return { value: await work(connection) }
      } catch (error) {
        if (isGtidHeld(error)) return { held: error }
        if (error instanceof TransientError) this.#drop(connection)
        throw error
      }
    }
    const outcome = await retry(attempt, { policy, clock, signal, onRetry })
    if ('held' in outcome) throw outcome.held
    return outcome.value
  }

  /** `barrier` asks for S0 where something is tailed; without it the log's own place serves. */
  async readChunk(
    table: Table,
    after: Cursor | null,
    barrier?: (connection: Connection) => Promise<Barrier | null>,
  ): Promise<Chunk> {
    try {
      return await this.run((connection) =>
        this.#readChunk(connection, table, {
          after,
          barrier: barrier === undefined ? this.#barrierOf(connection) : () => barrier(connection),
          wantsHigh: barrier !== undefined,
        }),
      )
    } catch (error) {
      if (!(error instanceof OperatorError) || error.code !== 'column-missing') throw error
      throw tableChanged(table, error)
    }
  }

  async #readChunk(
    connection: Connection,
    table: Table,
    place: Pick<ChunkOptions, 'after' | 'barrier' | 'wantsHigh'>,
  ): Promise<Chunk> {
    const size = this.#sizeOf(table)
    const chunk = await readChunk({
      connection,
      table,
      ...place,
      limit: size.rows,
      maxBytes: this.#options.chunkBytes,
      exactText: this.#exactText.has(table),
    })
    if (chunk.exactText) this.#exactText.add(table)
    size.observe({ rows: chunk.rows.length + chunk.rejected.length, bytes: chunk.bytes })
    return chunk
  }

  /** Without a tail one position serves every chunk; a read that cannot prove to be behind it asks for a new one. */
  #barrierOf(connection: Connection): () => Promise<Barrier | null> {
    let known = this.#barriers.get(connection)
    return async () => {
      const barrier = known === undefined ? await readBarrier(connection) : known
      known = undefined
      this.#barriers.set(connection, barrier)
      return barrier
    }
  }

  /** The way to the server seems to swallow everything: what is under way is done again on a new connection. */
  suspect(reason: TransientError): void {
    this.#connection?.lose(reason)
  }

  close(): void {
    this.#closed = true
    this.#connection?.destroy()
  }

  /** Ends the session in good order. */
  async end(): Promise<void> {
    this.#closed = true
    await this.#connection?.close()
  }

  /** Only the one that failed: another may have been opened meanwhile by who shared it. */
  #drop(connection: Connection): void {
    connection.destroy()
    if (this.#connection === connection) this.#connection = null
  }

  /** The one that all share who run at once. */
  async #connect(): Promise<Connection> {
    if (this.#closed) throw new StoppingError('the reader was closed')
    if (this.#connection?.isClosed === false) return this.#connection
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #open(): Promise<Connection> {
    const { connect, signal } = this.#options
    const connection = await Connection.open({ ...connect, signal })
    this.#connection = connection
    if (this.#closed) {
      connection.destroy()
      throw new StoppingError('the reader was closed')
    }
    return connection
  }

  #sizeOf(table: Table): ChunkSize {
    const { chunkRows: maxRows, chunkBytes: maxBytes } = this.#options
    const size =
      this.#sizes.get(table) ??
      new ChunkSize({ maxRows, maxBytes, estimatedRowBytes: table.estimatedRowBytes })
    this.#sizes.set(table, size)
    return size
  }
}
