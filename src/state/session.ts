import pg from 'pg'
import { BugError } from '../runtime/errors.ts'
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

  /** For `COPY` streams; everything else goes through `query`. */
  get client(): pg.Client {
    return this.#client
  }

  /** `host:port/database`, for messages. */
  get address(): string {
    return addressOf(this.#client)
  }

  get backendPid(): number {
    return (this.#client as unknown as { processID: number }).processID
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
      await Promise.allSettled(this.#unawaited.splice(0))
      // Rolling back a lost connection fails too; the first error is the one to report.
      await this.#client.query('rollback').catch(() => undefined)
      this.prepared.clear()
      throw error
    } finally {
      this.#inTransaction = false
    }
  }

  /**
   * Lets the server work while we do: nobody waits for the statement but the end of the transaction, which fails if
   * it did. Statements keep their order.
   */
  pipeline(statement: Promise<unknown>): void {
    statement.catch(() => undefined)
    this.#unawaited.push(statement)
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined)
  }

  async #run(text: string, values: readonly Bound[]): Promise<{ rows: (string | null)[][]; count: number }> {
    if (this.#lost) throw warehouseError(this.#lost, this.address)
    try {
      const result = await this.#client.query<(string | null)[]>({
        text,
        values: values as unknown[],
        rowMode: 'array',
      })
      return { rows: result.rows, count: result.rowCount ?? 0 }
    } catch (error) {
      throw warehouseError(error, this.address, text)
    }
  }
}

function addressOf({ host, port, database = '' }: pg.Client): string {
  return `${host}:${port}/${database}`
}
