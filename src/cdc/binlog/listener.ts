import { OperatorError, TransientError } from '../../runtime/errors.ts'
import type { Connection, ReplicationSocket } from '../connection.ts'
import { classifyServerError } from '../server-errors.ts'
import { Checksums } from './checksum.ts'
import { dumpCommand, dumpSetup, type DumpRequest } from './dump-command.ts'
import { logError } from './log-error.ts'
import { PacketSplitter } from './packets.ts'

export interface ListenerOptions extends DumpRequest {
  /** Events that wait to be taken; beyond that the connection is paused. */
  readonly queueBytes: number
  /** Told when there is something to take, a failure included. */
  readonly onArrival: () => void
  /** Told when the server sends nothing any more: other connections to it may be no better. */
  readonly onSilence: (error: TransientError) => void
}

/** So many heartbeats may fail to come. */
const missedHeartbeats = 3

/**
 * One connection that receives the binary log, for as long as it lasts. Events are taken one by one; those that wait
 * are bounded in bytes, beyond which the server is made to wait. A server that sends nothing, not even heartbeats, is
 * given up, unless it is we who let it wait.
 */
export class Listener {
  readonly connection: Connection
  readonly #queueBytes: number
  readonly #onArrival: () => void
  readonly #onSilence: (error: TransientError) => void
  readonly #watch: NodeJS.Timeout
  readonly #checksums: Checksums
  #socket: ReplicationSocket | null = null
  #events: Buffer[] = []
  #next = 0
  #waitingBytes = 0
  #paused = false
  #failure: Error | null = null
  #heardAt = Date.now()

  private constructor(
    connection: Connection,
    { queueBytes, heartbeatMs, onArrival, onSilence }: ListenerOptions,
    checksumAlgorithm: string,
  ) {
    this.#checksums = new Checksums(checksumAlgorithm)

    this.connection = connection
    this.#queueBytes = queueBytes
    this.#onArrival = onArrival
    this.#onSilence = onSilence
    const silenceMs = heartbeatMs * missedHeartbeats
    this.#watch = setInterval(() => {
      this.#checkSilence(silenceMs)
    }, heartbeatMs)
    connection.ended.addEventListener('abort', this.#onEnd, { once: true })
  }

  /** Takes the connection over. */
  static async open(connection: Connection, options: ListenerOptions): Promise<Listener> {
    await connection.query(dumpSetup(options))
    const [asked] = await connection.query('select @master_binlog_checksum as algorithm')
    const listener = new Listener(connection, options, asked?.algorithm ?? 'NONE')
    const splitter = new PacketSplitter((message) => {
      listener.#onMessage(message)
    })
    listener.#socket = connection.replicate(dumpCommand(options), (chunk) => {
      listener.#heardAt = Date.now()
      splitter.push(chunk)
      listener.#onArrival()
    })
    return listener
  }

  /** When the server last sent anything, in milliseconds since the epoch. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** The next event from its header on; null when none is there. Throws when the connection has failed. */
  take(): Buffer | null {
    const event = this.#events[this.#next]
    if (event === undefined) {
      if (this.#failure !== null) throw this.#failure
      return null
    }
    this.#next++
    this.#waitingBytes -= event.length
    if (this.#next === this.#events.length || this.#next === 4096) {
      this.#events = this.#events.slice(this.#next)
      this.#next = 0
    }
    if (this.#paused && this.#waitingBytes * 2 < this.#queueBytes) this.#resume()
    return event
  }

  close(): void {
    clearInterval(this.#watch)
    this.connection.destroy()
  }

  #onMessage(message: Buffer): void {
    const { address } = this.connection
    if (message[0] === 0) {
      this.#add(this.#checksums.strip(message.subarray(1)))
    } else if (message[0] === 0xff) {
      this.#fail(logError(message, address))
    } else {
      const ended = `MySQL server ${address} ended its log without a reason`
      this.#fail(new TransientError({ code: 'log-ended', message: ended }))
    }
  }

  #add(event: Buffer): void {
    this.#events.push(event)
    this.#waitingBytes += event.length
    if (!this.#paused && this.#waitingBytes > this.#queueBytes) this.#pause()
  }

  #pause(): void {
    this.#paused = true
    this.#socket?.pause()
  }

  #resume(): void {
    this.#paused = false
    this.#heardAt = Date.now()
    this.#socket?.resume()
  }

  #checkSilence(silenceMs: number): void {
    if (this.#paused || Date.now() - this.#heardAt <= silenceMs) return
    const error = new TransientError({
      code: 'link-silent',
      message: `MySQL server ${this.connection.address} has sent nothing, not even a heartbeat, for ${silenceMs} ms`,
      hint: 'The link swallows what is sent or the server hangs; it is connected to again.',
    })
    this.connection.lose(error)
    this.#onSilence(error)
  }

  readonly #onEnd = (): void => {
    const reason: unknown = this.connection.ended.reason
    const error = classifyServerError(reason, this.connection.address)
    this.#fail(error instanceof OperatorError ? transient(error) : error)
  }

  /** The first failure counts: what follows is its consequence. Events that came before it are still taken. */
  #fail(error: Error): void {
    this.#failure ??= error
    this.#onArrival()
  }
}

/** A connection that was good until now is tried again whatever ended it; if somebody has to act, connecting tells. */
function transient(error: OperatorError): TransientError {
  return new TransientError({
    code: error.code,
    message: error.message,
    hint: error.hint ?? '',
    cause: error,
  })
}
