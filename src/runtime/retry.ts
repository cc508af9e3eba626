import type { Clock } from './clock.ts'
import { StoppingError, TransientError } from './errors.ts'

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number
  readonly baseMs: number
  readonly maxMs: number
}

/**
 * Full jitter: a uniform delay between 0 and `min(maxMs, baseMs · 2^attempt)`.
 * Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: () => number): number {
  return random() * Math.min(policy.maxMs, policy.baseMs * 2 ** attempt)
}

export interface RetryOptions {
  readonly policy: RetryPolicy
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly random?: () => number
  /** Told before each wait, so that a retry is never silent. */
  readonly onRetry?: (error: TransientError, attempt: number, waitMs: number) => void
}

/** Runs `work` until it returns, fails with anything but a `TransientError`, or has used its attempts. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy, clock, signal, random = Math.random, onRetry } = options
  for (let attempt = 0; ; attempt++) {
    if (signal.aborted) throw new StoppingError()
    try {
      return await work(attempt)
    } catch (error) {
      if (!(error instanceof TransientError) || attempt + 1 >= policy.attempts) throw error
      const waitMs = Math.max(backoffMs(policy, attempt, random), error.retryAfterMs ?? 0)
      onRetry?.(error, attempt, waitMs)
      await clock.sleep(waitMs, signal)
    }
  }
}
