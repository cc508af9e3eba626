import type { Clock } from '../runtime/clock.ts'
import { TransientError } from '../runtime/errors.ts'
import { circuitAfter, circuitWaitMs, closedCircuit, type Circuit } from './circuit.ts'
import { limitedUntil } from './rate-limit.ts'

export interface RequestGateOptions {
  readonly clock: Clock
  /** Null: no limit of ours. */
  readonly requestsPerMinute: number | null
  /** A longer wait is told to whoever opens the source again. */
  readonly maxWaitMs: number
}

/**
 * Every request to a host passes here: evenly spaced within the budget, not before the host wants to be asked again,
 * and after many failures in a row only one to try.
 */
export class RequestGate {
  readonly spacingMs: number
  readonly #options: RequestGateOptions
  #nextAt = 0
  #notBefore = 0
  #circuit: Circuit = closedCircuit

  constructor(options: RequestGateOptions) {
    this.#options = options
    this.spacingMs = options.requestsPerMinute === null ? 0 : 60_000 / options.requestsPerMinute
  }

  /** Milliseconds until a request that asked now could pass. */
  get waitMs(): number {
    return Math.max(0, this.#nextAt - this.#options.clock.now(), this.#notBefore - this.#options.clock.now())
  }

  /** Waits for this request's turn. Throws a `TransientError` when that would take too long. */
  async pass(signal: AbortSignal, where: string): Promise<void> {
    const { clock, maxWaitMs } = this.#options
    for (;;) {
      const now = clock.now()
      const before = this.#circuit
      this.#circuit = circuitAfter(before, { kind: 'asked', now })
      const waitMs = Math.max(circuitWaitMs(before, this.#circuit, now), this.#notBefore - now)
      if (waitMs <= 0) break
      // Whoever was to try waits for the host's sake, and tries then.
      if (this.#circuit !== before && this.#circuit.kind === 'trying') this.#circuit = before
      if (waitMs > maxWaitMs) throw this.#tooLong(where, waitMs)
      await clock.sleep(waitMs, signal)
    }
    await this.#takeTurn(signal)
  }

  /** What came of a request: an answer of any status that does not mean an outage, or nothing of use. */
  note(outcome: 'answered' | 'failed', headers: Readonly<Record<string, string>> = {}): void {
    const now = this.#options.clock.now()
    this.#circuit = circuitAfter(this.#circuit, { kind: outcome, now })
    const until = limitedUntil(headers, now)
    if (until !== null) this.holdUntil(until)
  }

  /** Nobody is to ask before. */
  holdUntil(at: number): void {
    this.#notBefore = Math.max(this.#notBefore, at)
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    if (this.spacingMs === 0) return
    const now = this.#options.clock.now()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + this.spacingMs
    if (at > now) await this.#options.clock.sleep(at - now, signal)
  }

  #tooLong(where: string, waitMs: number): TransientError {
    const isOpen = this.#circuit.kind === 'open'
    const why = isOpen ? 'is not asked after many failures in a row' : 'wants no more requests'
    return new TransientError({
      code: isOpen ? 'circuit-open' : 'rate-limited',
      message: `${where}: the API ${why}; asked again in ${Math.ceil(waitMs / 1000)} s`,
      hint: isOpen
        ? 'Look at the status page of the API; it is tried again by itself.'
        : 'The API asks for fewer requests: lower `requestsPerMinute` of the source.',
      retryAfterMs: waitMs,
    })
  }
}
