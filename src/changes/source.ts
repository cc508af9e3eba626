import type { OperatorArea, SynclineError } from '../runtime/errors.ts'
import type { ChangeBatch } from './change-batch.ts'
import type { Ledger } from './ledger.ts'
import type { PositionFormat } from './position.ts'

export interface OpenOptions {
  /** The stored position to go on from, or null when nothing was ever committed. */
  readonly after: string | null
  readonly ledger: Ledger
  /** Aborted: stop reading at once and end the iteration, by returning or by throwing a `StoppingError`. */
  readonly signal: AbortSignal
  /**
   * Whether somebody who knows that the source cannot be gone on with (`resyncMends`) takes it as it is now: then it is
   * read anew instead of refused, once.
   */
  readonly anew?: boolean
}

/** How far along a source is, for progress lines and `status`. */
export interface SourceProgress {
  /** What is being read, for instance a table's name or `pages`. */
  readonly phase: string
  readonly done: number
  /** Null while unknown; an estimate otherwise. */
  readonly total: number | null
}

/**
 * A place where changes come from. Consumers pull, so backpressure is natural; a source may read ahead, bounded
 * in bytes. Opening again after a crash with the committed position and ledger loses nothing, and delivers again
 * only what was not committed.
 *
 * A source that cannot go on throws: `TransientError` to be opened again later, `OperatorError` when somebody
 * must act first. A record that cannot be read is never thrown but travels in `rejected`.
 */
export interface Source {
  /** The name from the configuration. */
  readonly name: string
  /** The streams it feeds, complete before the first batch. */
  readonly streams: readonly string[]
  readonly position: PositionFormat
  /** Ends when the source is up to date once, or follows it until the signal, as the source was configured. */
  open(options: OpenOptions): AsyncIterable<ChangeBatch>
  progress(): readonly SourceProgress[]
  /** How it is doing now; cheap, asked often. */
  status?(): SourceStatus
  /**
   * Asks a source that follows to read one of its streams anew while it goes on: `resync-begin`, rows, `resync-end`.
   * Returns at once; asked again before it is done, the stream is read once more afterwards.
   */
  resync?(stream: string): void
  /** Asks it to read one of its streams for comparison: batches with `audit`. Otherwise as `resync`. */
  audit?(stream: string, pace?: AuditPace): void
  /** The columns by which each stream's records are told apart, as the source has them now; of those it can tell. */
  keys?(signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>>
  /** Every defect that would keep it from working, with its cure; empty when all is well. */
  preflight(signal: AbortSignal): Promise<readonly Defect[]>
  close(): Promise<void>
}

/** Absent: as fast as it goes. */
export interface AuditPace {
  readonly rowsPerSecond: number
}

/** For `status` and alerts. */
export interface SourceStatus {
  /** What it is doing, in a word: `connecting`, `snapshot`, `streaming`, `sweeping`, `waiting`. */
  readonly state: string
  /** Whether everything has been read at least once, so that what is missing in the streams is missing at the source. */
  readonly loaded: boolean
  /** When the source last answered or sent anything, in milliseconds since the epoch. */
  readonly heardAt: number | null
  /** How long until the source deletes what the committed position needs, in milliseconds; null if unknown or never. */
  readonly headroomMs: number | null
  /** Streams that are not followed at present, and why. */
  readonly stopped: ReadonlyMap<string, string>
  /** Of a source that looks at what it has again and again; null as long as it knows of nothing. */
  readonly staleness?: Staleness | null
}

/** How long ago the part of a source was looked at that waits longest, in milliseconds. */
export interface Staleness {
  readonly oldestMs: number
  /** The configured bound, null for none, and the least one that could be kept now. */
  readonly boundMs: number | null
  readonly leastMs: number
}

/** Something the operator has to mend before a source can work. */
export interface Defect {
  /** `fatal` keeps the source from starting, `warning` does not. */
  readonly severity: 'fatal' | 'warning'
  readonly code: string
  readonly message: string
  /** The exact statement or setting that cures it, for this flavour and version. */
  readonly cure: string
  /** What has to be mended, unless `cause` tells it; `configuration` if neither does. */
  readonly area?: OperatorArea
  /** The error by which it was found, if by one: it tells an unreachable server from a wrong setting. */
  readonly cause?: SynclineError
}
