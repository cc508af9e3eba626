/**
 * Errors are classed by what the caller does about them, never by where they arose:
 *
 * - `TransientError`: try again later; nothing needs to change.
 * - `OperatorError`: somebody must act; the hint says what to do.
 * - `BugError`: an invariant of ours does not hold; stop before anything is written.
 * - `FencedError`: another writer has taken our place; end, and start again as one that waits for it.
 * - `StoppingError`: we were asked to stop.
 */
export interface ErrorDetails {
  /** Stable, readable, kebab-case: what scripts and tests match on. */
  readonly code: string
  /** What happened and where, in one sentence, without secrets. */
  readonly message: string
  /** What the operator should do next, in one sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

export abstract class SynclineError extends Error {
  readonly code: string
  readonly hint: string | undefined

  constructor({ code, message, hint, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.hint = hint
  }
}

/** What the operator has to mend; it decides the exit code (see `exit-codes.ts`). */
export type OperatorArea = 'usage' | 'configuration' | 'permission' | 'server' | 'data'

export class OperatorError extends SynclineError {
  readonly area: OperatorArea
  /** Whether the act may be to ask, now that it is told, for a resync of any stream: then the whole source is read anew. */
  readonly resyncMends: boolean

  constructor(
    details: ErrorDetails & {
      readonly hint: string
      readonly area: OperatorArea
      readonly resyncMends?: boolean
    },
  ) {
    super(details)
    this.area = details.area
    this.resyncMends = details.resyncMends ?? false
  }
}

export class TransientError extends SynclineError {
  /** The earliest moment at which another attempt makes sense, if the other side named one. */
  readonly retryAfterMs: number | undefined

  constructor(details: ErrorDetails & { readonly retryAfterMs?: number }) {
    super(details)
    this.retryAfterMs = details.retryAfterMs
  }
}

export class BugError extends SynclineError {}

/** Another writer holds a later term: nothing of ours may be committed any more. */
export class FencedError extends SynclineError {}

export class StoppingError extends SynclineError {
  constructor(message = 'asked to stop') {
    super({ code: 'stopping', message })
  }
}
