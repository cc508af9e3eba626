import type { Staleness } from '../changes/source.ts'

/** How a source is doing, as `status` shows it. Times are ISO 8601 in UTC, durations milliseconds. */
export interface SourceReport {
  /** `paused`, `failing`, or what the source says it is doing. */
  readonly state: string
  readonly loaded: boolean
  /** Committed since this process leads. */
  readonly changes: number
  /** Over the last ten seconds or so. */
  readonly changesPerSecond: number
  /** From the source's commit to ours, of the newest change; while it is paused or failing, at least since our last commit. */
  readonly lagMs: number | null
  /** Of the newest commit of this source. */
  readonly committedAt: string | null
  readonly heardAt: string | null
  /** Until the source deletes what the committed position needs. */
  readonly headroomMs: number | null
  /** How long ago what waits longest was looked at, and within which bound; null where a source tells what changes. */
  readonly staleness: Staleness | null
  /** Streams that are not followed at present, and why. */
  readonly stopped: Readonly<Record<string, string>>
  /** Streams that are followed, but from which nothing is deleted until somebody decides, and why. */
  readonly undeleted: Readonly<Record<string, string>>
  readonly progress: readonly {
    readonly phase: string
    readonly done: number
    readonly total: number | null
  }[]
  readonly failure: {
    readonly code: string
    readonly message: string
    readonly hint: string | null
    readonly since: string
    readonly retryInMs: number
  } | null
}
