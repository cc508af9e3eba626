import type { Ledger } from '../../changes/ledger.ts'
import type { AuditPace } from '../../changes/source.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { CapturedTable } from '../captured-table.ts'
import type { ConnectOptions } from '../connection.ts'
import type { Reader } from '../reader.ts'
import type { CodecOptions } from '../rows/value-codec.ts'

export interface TailOptions extends CodecOptions {
  readonly name: string
  readonly captured: readonly CapturedTable[]
  readonly connect: Omit<ConnectOptions, 'signal'>
  readonly after: string | null
  readonly ledger: Ledger
  readonly signal: AbortSignal
  /** Whether to read from a server anew, once, that cannot be gone on with. */
  readonly anew: boolean
  /** Reads chunks, and describes what is to be read; a session of its own. */
  readonly chunks: Reader
  /** Asks for what the log waits for; a session of its own. */
  readonly questions: Reader
  readonly heartbeatMs: number
  /** Most changes of a batch, unless one transaction has more. */
  readonly batchRows: number
  /** Most memory of a batch; larger transactions come in pieces. */
  readonly batchBytes: number
  /** Keys that the log may touch while a chunk is being read before it has to wait for the chunk. */
  readonly mostTouched: number
  /** Most memory of events that wait to be read. */
  readonly queueBytes: number
  readonly log: Logger
  readonly clock: Clock
  /** Streams to read anew, and to compare; one that was read is removed. */
  readonly resyncs: Set<string>
  readonly audits: Map<string, AuditPace | undefined>
  readonly onRows: (stream: string, rows: number) => void
}
