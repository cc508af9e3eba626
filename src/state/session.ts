import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { BugError } from '../runtime/errors.ts'
import { identifier } from './identifiers.ts'
import { isAborted, warehouseError } from './sql-states.ts'

/** What has a plan at all. */
const planned = /^\s*(select|with|insert|update|delete)\b/

/** Each takes some tens of kilobytes of the server's memory; texts beyond that are planned each time. */
const mostPlans = 500

/** How long a server may take to say goodbye. */
const closingMs = 5_000

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
  /** Ends when the statement before can be followed by the next: when it is sent, a `COPY` when it is done. */
  #turn: Promise<unknown> = Promise.resolve()
  /** Statements whose turn has not come or, of a `COPY`, not ended. */
  #waiting = 0
  /** The answer to the statement sent last; answers keep the order of the statements. */
  #answer: Promise<unknown> = Promise.resolve()
  /** The name under which the server keeps the plan of a statement, by its text; null: none is kept. */
  #plans: Map<string, string> | null = null
  /** Names are never given twice: the driver remembers each for as long as the connection lasts. */
  #plansNamed = 0
  /**
   * What was set up on this connection, for instance temporary tables; whoever needs it keys it by name.
   * A rollback empties it, since it may have undone the set-up.
   */
  readonly prepared = new Map<string, string>()

  private constructor(client: pg.Client) {
    this.#client = client
    // Told twice, first with what the server said of it.
    client.on('error', (error) => {
      this.#lost ??= error
    })
  }

  /** Throws an `OperatorError` or `TransientError` that names host and port, never the password. */
  static async connect({ url, applicationName }: SessionOptions): Promise<Session> {
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      keepAlive: true,
      connectionTimeoutMillis: 15_000,
      // Statements that nobody waits for are on their way while those before them still run.
      pipeline: true,
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

  /**
   * Whether statements that come again are planned once, for whatever values they are bound to: half of a small commit
   * was planning. Not while tables fill, since such a plan stays as it is while the table that it reads grows.
   */
  async keepPlans(keep: boolean): Promise<void> {
    if (keep === (this.#plans !== null)) return
    await this.query(`set plan_cache_mode = ${keep ? 'force_generic_plan' : 'auto'}`)
    if (!keep) await this.query('deallocate all')
    this.#plans = keep ? new Map<string, string>() : null
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
      this.background(this.query(`begin isolation level ${mode}`))
      const result = await work()
      while (this.#unawaited.length > 0) await Promise.all(this.#unawaited.splice(0))
      await this.query('commit')
      return result
    } catch (error) {
      const failures = [...(await this.#settle()), error]
      // Rolling back a lost connection fails too; the first error is the one to report.
      await this.query('rollback').catch(() => undefined)
      this.prepared.clear()
      // Statements behind the one that failed only tell that it did, whether or not they were waited for.
      throw failures.find((failure) => !isAborted(failure)) ?? error
    } finally {
      this.#inTransaction = false
    }
  }

  /** Waits for all that nobody waits for, and what that leaves in turn. Returns how it failed. */
  async #settle(): Promise<unknown[]> {
    const failures: unknown[] = []
    while (this.#unawaited.length > 0) {
      for (const outcome of await Promise.allSettled(this.#unawaited.splice(0))) {
        if (outcome.status === 'rejected') failures.push(outcome.reason)
      }
    }
    return failures
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
    try {
      await this.#alone(() => pipeline(source, this.#client.query(copyFrom(text))))
    } catch (error) {
      throw warehouseError(error, this.address, text)
    }
  }

  /** Calls `heard` for every notification on a channel, until the session ends. */
  async listen(channel: string, heard: (payload: string) => void): Promise<void> {
    this.#client.on('notification', (notification) => {
      if (notification.channel === channel) heard(notification.payload ?? '')
    })
    await this.query(`listen ${identifier(channel)}`)
  }

  /** A server that does not answer is left after a while. */
  async close(): Promise<void> {
    const giveUp = setTimeout(() => {
      this.destroy()
    }, closingMs)
    await this.#client.end().catch(() => undefined)
    clearTimeout(giveUp)
  }

  /** Ends the connection at once; whoever waits for an answer gets an error. */
  destroy(): void {
    const { connection } = this.#client as unknown as { connection: { stream: Socket } }
    connection.stream.destroy()
  }

  async #run(text: string, values: readonly Bound[]): Promise<{ rows: (string | null)[][]; count: number }> {
    const name = this.#planOf(text)
    const query = { text, values: values as unknown[], rowMode: 'array' as const, ...(name && { name }) }
    try {
      const { answer } = await this.#inTurn(() => this.#client.query<(string | null)[]>(query))
      const { rows, rowCount } = await answer
      return { rows, count: rowCount ?? 0 }
    } catch (error) {
      throw warehouseError(error, this.address, text)
    }
  }

  #planOf(text: string): string | undefined {
    if (!this.#plans || !planned.test(text)) return undefined
    const known = this.#plans.get(text)
    if (known !== undefined || this.#plans.size >= mostPlans) return known
    const name = `s${this.#plansNamed++}`
    this.#plans.set(text, name)
    return name
  }

  /**
   * Sends a statement in its turn, which does not wait for the answers to those before: at once, if it can be, so that
   * the server has it before its caller goes on computing.
   */
  async #inTurn<T>(send: () => Promise<T>): Promise<{ answer: Promise<T> }> {
    const sendNow = (): { answer: Promise<T> } => {
      if (this.#lost) throw this.#lost
      const answer = send()
      this.#answer = answer.catch(() => undefined)
      return { answer }
    }
    if (this.#waiting === 0) return sendNow()
    this.#waiting++
    const sent = this.#turn.then(() => {
      this.#waiting--
      return sendNow()
    })
    this.#turn = sent.catch(() => undefined)
    return sent
  }

  /** Runs what the driver cannot send behind other statements, nor before them. */
  async #alone<T>(statement: () => Promise<T>): Promise<T> {
    this.#waiting++
    const done = this.#turn.then(async () => {
      // The driver lets it be told only when it connects, but looks at it anew for every statement.
      const driver = this.#client as { pipeline: boolean }
      try {
        await this.#answer
        if (this.#lost) throw this.#lost
        driver.pipeline = false
        return await statement()
      } finally {
        driver.pipeline = true
        this.#waiting--
      }
    })
    this.#turn = done.catch(() => undefined)
    return done
  }
}

function addressOf({ host, port, database = '' }: pg.Client): string {
  return `${host}:${port}/${database}`
}
