import type { Clock } from '../runtime/clock.ts'

/**
 * Lets requests pass evenly spaced, at most so many a minute. Null: all pass. A request takes its turn when it asks,
 * so those that wait pass in order.
 */
export class RequestBudget {
  readonly #clock: Clock
  readonly spacingMs: number
  #nextAt = 0

  constructor(clock: Clock, requestsPerMinute: number | null) {
    this.#clock = clock
    this.spacingMs = requestsPerMinute === null ? 0 : 60_000 / requestsPerMinute
  }

  /** Milliseconds until a request that asked now would pass. */
  get waitMs(): number {
    return Math.max(0, this.#nextAt - this.#clock.now())
  }

  async pass(signal: AbortSignal): Promise<void> {
    if (this.spacingMs === 0) return
    const now = this.#clock.now()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + this.spacingMs
    if (at > now) await this.#clock.sleep(at - now, signal)
  }
}
