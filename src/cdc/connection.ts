import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import mysql, { type Connection as DriverConnection, type ConnectionOptions, type QueryOptions } from 'mysql2'
import { StoppingError, TransientError } from '../runtime/errors.ts'
import { runStatement, runText, wireCast, type RowListener, type TextRow } from './run-statement.ts'
import { classifyServerError } from './server-errors.ts'
import { parseServer, type Server } from './server.ts'
import { parseServerUrl, type ServerAddress } from './server-url.ts'
import { readTls, type TlsOptions } from './tls.ts'

export interface ConnectOptions {
  /** `mysql://user:password@host:port/database`; `mariadb:` is accepted too. */
  readonly url: string
  /** Null or absent: not encrypted. */
  readonly tls?: TlsOptions | null | undefined
  readonly connectTimeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** A value as the text protocol gives it. */
export type WireValue = string | Buffer | null

export interface StreamOptions {
  readonly sql: string
  /** Names of the columns that are taken as bytes; all others are decoded as UTF-8. */
  readonly bytes: ReadonlySet<string> | 'all'
  /** How many result sets precede the one that is streamed. */
  readonly precedingResults?: number
  /** Called with the rows of those result sets before the first row is. */
  readonly onPreceding?: (results: readonly WireValue[][][]) => void
  /**
   * Called for every row. Returning false cuts the result: the connection is dropped, since the protocol has no other
   * way to stop it cheaply.
   */
  readonly onRow: (row: WireValue[]) => boolean
}

/** What the reader of the log may do to its socket. */
export type ReplicationSocket = Pick<Socket, 'pause' | 'resume'>

/** How long a statement of a session waits for the lock of a table. */
export const sessionLockWaitSeconds = 60

/**
 * One session, set up so that values and literals mean the same on every server. It can only read.
 *
 * `time_zone` makes TIMESTAMP an instant in UTC; the `sql_mode` keeps backslash escapes, backquotes and the literals
 * of impossible dates valid; `net_write_timeout` outlasts a consumer that commits slowly.
 */
const sessionSetup = `set session time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES', autocommit = 1,
  character_set_client = utf8mb4, character_set_results = utf8mb4, collation_connection = utf8mb4_general_ci,
  net_write_timeout = 600, net_read_timeout = 600, wait_timeout = 28800, lock_wait_timeout = ${sessionLockWaitSeconds},
  innodb_lock_wait_timeout = 60
  /*!80000 , transaction_read_only = 1, max_execution_time = 0, information_schema_stats_expiry = 0 */
  /*M!100000 , tx_read_only = 1, max_statement_time = 0 */`

const serverVariables = `show global variables where variable_name in ('version', 'server_uuid', 'server_id',
  'log_bin', 'binlog_format', 'binlog_row_image', 'binlog_row_metadata', 'gtid_mode', 'gtid_binlog_pos',
  'log_replica_updates', 'log_slave_updates', 'innodb_native_foreign_keys')`

interface Opened {
  readonly driver: DriverConnection
  /** Ours, because the driver only half-closes its own and would read a long result to its end. */
  readonly socket: Socket
  readonly ending: AbortController
  readonly release: () => void
  readonly address: string
  readonly rows: readonly TextRow[]
}

/**
 * A session for one statement at a time. It ends with the signal it was opened with; whatever is under way then
 * fails with a `StoppingError`, and with that alone: who shares a session that another ends is not asked to stop.
 */
export class Connection {
  readonly server: Server
  /** `host:port`. */
  readonly address: string
  readonly #driver: DriverConnection
  readonly #socket: Socket
  readonly #ending: AbortController
  readonly #release: () => void

  private constructor({ driver, socket, ending, release, address, rows }: Opened) {
    this.server = parseServer(rows)
    this.address = address
    this.#driver = driver
    this.#socket = socket
    this.#ending = ending
    this.#release = release
  }

  static async open(options: ConnectOptions): Promise<Connection> {
    const target = parseServerUrl(options.url)
    const { signal = new AbortController().signal } = options
    if (signal.aborted) throw new StoppingError()
    const ssl = options.tls ? { ssl: await readTls(options.tls) } : {}
    const socket = openSocket(target)
    const driver = mysql.createConnection({ ...driverOptions(target, options), ...ssl, stream: () => socket })
    const ending = new AbortController()
    const abort = (): void => {
      driver.destroy()
      socket.destroy()
      ending.abort(new StoppingError())
    }
    const release = (): void => {
      signal.removeEventListener('abort', abort)
    }
    // The driver reports a lost connection here alone, not to the statement under way. Nobody need close it.
    driver.on('error', (error: Error) => {
      release()
      ending.abort(error)
    })
    signal.addEventListener('abort', abort, { once: true })
    try {
      const results = await runText(driver, `${sessionSetup}; ${serverVariables}`, ending.signal)
      const { address } = target
      return new Connection({ driver, socket, ending, release, address, rows: results.at(-1) ?? [] })
    } catch (error) {
      release()
      driver.destroy()
      socket.destroy()
      throw classifyServerError(error, target.address)
    }
  }

  get isClosed(): boolean {
    return this.#ending.signal.aborted
  }

  /** For small results. */
  async query(sql: string): Promise<readonly TextRow[]> {
    try {
      return (await runText(this.#driver, sql, this.#ending.signal)).at(-1) ?? []
    } catch (error) {
      throw classifyServerError(error, this.address)
    }
  }

  /** Resolves with whether the result was read to its end. */
  async stream(options: StreamOptions): Promise<boolean> {
    const { sql, bytes, onRow, onPreceding, precedingResults = 0 } = options
    const preceding: WireValue[][][] = Array.from({ length: precedingResults }, () => [])
    let cut = false as boolean
    const failures: unknown[] = []
    let started = false
    const start = (): void => {
      if (!started) onPreceding?.(preceding)
      started = true
    }
    try {
      await this.#run({ sql, rowsAsArray: true, typeCast: wireCast(bytes) }, (row, index) => {
        if (cut) return
        const values = row as WireValue[]
        if (index < precedingResults) {
          preceding[index]?.push(values)
          return
        }
        try {
          start()
          if (onRow(values)) return
        } catch (error) {
          failures.push(error)
        }
        cut = true
        this.destroy()
      })
      start()
      return true
    } catch (error) {
      if (failures.length > 0) throw failures[0]
      if (cut) return false
      throw classifyServerError(error, this.address)
    }
  }

  /**
   * Sends one command of the replication protocol and hands the socket over: from here on every byte that the server
   * sends goes to `onData`, and the session can do nothing else. Its end is told by `ended`.
   */
  replicate(command: Buffer, onData: (chunk: Buffer) => void): ReplicationSocket {
    // With TLS not our own socket but the one around it; the driver's types leave it out.
    const { stream } = this.#driver as unknown as { readonly stream: Socket }
    stream.removeAllListeners('data')
    stream.on('data', onData)
    const header = Buffer.alloc(4)
    header.writeUIntLE(command.length, 0, 3)
    stream.write(Buffer.concat([header, command]))
    return stream
  }

  /** Aborted when the session is over, the reason being why. */
  get ended(): AbortSignal {
    return this.#ending.signal
  }

  #run(options: QueryOptions, onRow: RowListener): Promise<void> {
    return runStatement({ driver: this.#driver, signal: this.#ending.signal, options, onRow })
  }

  /** Ends the session at once. */
  destroy(): void {
    this.lose(connectionClosed(this.address))
  }

  /** Ends the session at once; a statement under way fails with the reason. */
  lose(reason: TransientError): void {
    this.#release()
    this.#driver.destroy()
    this.#socket.destroy()
    this.#ending.abort(reason)
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.#release()
    // The server closes its side; one that does not answer any more is not waited for.
    const closed = once(this.#socket, 'close', { signal: AbortSignal.timeout(1_000) }).catch(() => undefined)
    this.#driver.end()
    await closed
    this.destroy()
  }
}

function connectionClosed(address: string): TransientError {
  return new TransientError({
    code: 'connection-closed',
    message: `the connection to MySQL server ${address} was closed by Syncline`,
    hint: 'Another statement of it failed; what was under way is done again on a new connection.',
  })
}

function openSocket({ host, port }: ServerAddress): Socket {
  const socket = connectSocket({ host, port, keepAlive: true, keepAliveInitialDelay: 30_000 })
  return socket.setNoDelay(true)
}

function driverOptions(
  target: ServerAddress,
  { connectTimeoutMs = 10_000 }: ConnectOptions,
): ConnectionOptions {
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    password: target.password,
    charset: 'utf8mb4_general_ci',
    connectTimeout: connectTimeoutMs,
    // For the set-up in one round trip, and for the barrier that must stand in one packet with its select.
    multipleStatements: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    jsonStrings: true,
    // A server must never be able to ask for a file of ours.
    flags: ['-LOCAL_FILES'],
    connectAttributes: { program_name: 'syncline' },
  }
}
