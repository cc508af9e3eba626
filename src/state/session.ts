import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { BugError } from '../runtime/errors.ts'
import { identifier } from './identifiers.ts'
import { warehouseError } from './sql-states.ts'

/** A value that may be bound to a statement. Arrays become Postgres arrays. */
export type Bound = string | number | boolean | null | readonly (string | number | null)[]

export interface SessionOptions {
  readonly url: string
  /** Shown in pg_stat_activity; the sessions of a lease are found by it. */
  readonly applicationName: string
}

/** One connection to Postgres that returns every value as the text Postgres prints. */
export class Session {
  readonly #client: pg.Client
  #lost: Error | undefined
  #inTransaction = false
  #unawaited: Promise<unknown>[] = []
  /** Ends when the statement sent last does: the driver is to be given one at a time. */
  #turn: Promise<unknown> = Promise.resolve()
  /**
   * What was set up on this connection, for instance temporary tables; whoever needs it keys it by name.
   * A rollback empties it, since it may have undone the set-up.
   */
  readonly prepared = new Map<string, string>()

  private constructor(client: pg.Client) {
    this.#client = client
    client.on('error', (error) => {
      this.#lost = error
    })
  }

  /** Throws an `OperatorError` or `TransientError` that names host and port, never the password. */
  static async connect({ url, applicationName }: SessionOptions): Promise<Session> {
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      keepAlive: true,
      connectionTimeoutMillis: 15_000,
      options: '-c TimeZone=UTC -c DateStyle=ISO -c bytea_output=hex -c client_min_messages=warning',
      types: { getTypeParser: () => (value: unknown) => value },
    })
    try {
      await client.connect()
    } catch (error) {
      throw warehouseError(error, addressOf(client))
    }
    return new Session(client)
  }

  /** `host:port/database`, for messages. */
  get address(): string {
    return addressOf(this.#client)
  }

  get backendPid(): number {
    return (this.#client as unknown as { processID: number }).processID
  }

  get inTransaction(): boolean {
    return this.#inTransaction
  }

  /** Runs one statement and returns its rows, each value as text. */
  async query(text: string, values: readonly Bound[] = []): Promise<(string | null)[][]> {
    const { rows } = await this.#run(text, values)
    return rows
  }

  /** Runs one statement and returns how many rows it touched. */
  async execute(text: string, values: readonly Bound[] = []): Promise<number> {
    const { count } = await this.#run(text, values)
    return count
  }

  /** Runs a statement that must return exactly one row. */
  async one(text: string, values: readonly Bound[] = []): Promise<(string | null)[]> {
    const rows = await this.query(text, values)
    const [row] = rows
    if (!row || rows.length > 1) {
      throw new BugError({ code: 'not-one-row', message: `expected one row, got ${rows.length}: ${text}` })
    }
    return row
  }

  /** Everything that `work` writes is committed together, or nothing of it. Transactions do not nest. */
  async transaction<T>(
    work: () => Promise<T>,
    mode: 'read committed' | 'repeatable read' = 'read committed',
  ): Promise<T> {
    if (this.#inTransaction) {
      throw new BugError({
        code: 'nested-transaction',
        message: 'a transaction is open on this session already',
      })
    }
    this.#inTransaction = true
    try {
      await this.query(`begin isolation level ${mode}`)
      const result = await work()
      await Promise.all(this.#unawaited.splice(0))
      await this.query('commit')
      return result
    } catch (error) {
      const settled = await Promise.allSettled(this.#unawaited.splice(0))
      // Rolling back a lost connection fails too; the first error is the one to report. What was waited for fails
      // only because of a statement before it that was not.
      await this.#inTurn(() => this.#client.query('rollback')).catch(() => undefined)
      this.prepared.clear()
      throw settled.find((outcome) => outcome.status === 'rejected')?.reason ?? error
    } finally {
      this.#inTransaction = false
    }
  }

  /**
   * Lets the server work while we do: nobody waits for the statement but the end of the transaction, which fails if
   * it did. Statements keep their order.
   */
  background(statement: Promise<unknown>): void {
    // Without its result, which would be kept until the commit.
    const done = statement.then(() => undefined)
    done.catch(() => undefined)
    this.#unawaited.push(done)
  }

  /** Streams pieces of text lines, or of binary rows, into `copy … from stdin`. */
  async copy(text: string, pieces: Iterable<string | Buffer>): Promise<void> {
    const source = Readable.from(pieces, { objectMode: true, highWaterMark: 2 })
    await this.#send(text, () => pipeline(source, this.#client.query(copyFrom(text))))
  }

  /** Calls `heard` for every notification on a channel, until the session ends. */
  async listen(channel: string, heard: (payload: string) => void): Promise<void> {
    this.#client.on('notification', (notification) => {
      if (notification.channel === channel) heard(notification.payload ?? '')
    })
    await this.query(`listen ${identifier(channel)}`)
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined)
  }

  async #run(text: string, values: readonly Bound[]): Promise<{ rows: (string | null)[][]; count: number }> {
    const query = { text, values: values as unknown[], rowMode: 'array' as const }
    const result = await this.#send(text, () => this.#client.query<(string | null)[]>(query))
    return { rows: result.rows, count: result.rowCount ?? 0 }
  }

  async #send<T>(text: string, statement: () => Promise<T>): Promise<T> {
    try {
      return await this.#inTurn(() => {
        if (this.#lost) throw this.#lost
        return statement()
      })
    } catch (error) {
      throw warehouseError(error, this.address, text)
    }
  }

  async #inTurn<T>(statement: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(statement)
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}

function addressOf({ host, port, database = '' }: pg.Client): string {
  return `${host}:${port}/${database}`
}
