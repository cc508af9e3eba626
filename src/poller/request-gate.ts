import type { Clock } from '../runtime/clock.ts'
import { TransientError } from '../runtime/errors.ts'
import { circuitAfter, circuitWaitMs, type CircuitEvent, type HostCircuits } from './circuit.ts'
import { retryAfterOf } from './http-errors.ts'
import type { FetchResponse } from './http-fetcher.ts'
import { limitedUntil } from './rate-limit.ts'

export interface RequestGateOptions {
  readonly clock: Clock
  /** Of all sources that may ask the same hosts. */
  readonly circuits: HostCircuits
  /** Null: no limit of ours. */
  readonly requestsPerMinute: number | null
  /** A longer wait is told to whoever opens the source again. */
  readonly maxWaitMs: number
}

export interface Passing {
  /** With its port. */
  readonly host: string
  /** Names the page, for messages. */
  readonly where: string
  readonly signal: AbortSignal
}

/**
 * Every request of a source passes here: evenly spaced within the budget, not before the API wants to be asked again,
 * and after many failures of its host in a row, whoever asked, only one to try.
 */
export class RequestGate {
  readonly spacingMs: number
  readonly #options: RequestGateOptions
  #nextAt = 0
  /** By host, when it wants to be asked again. */
  readonly #notBefore = new Map<string, number>()

  constructor(options: RequestGateOptions) {
    this.#options = options
    this.spacingMs = options.requestsPerMinute === null ? 0 : 60_000 / options.requestsPerMinute
  }

  /** Milliseconds until a request to the host that asked now could pass. */
  waitMsOf(host: string): number {
    return Math.max(0, Math.max(this.#nextAt, this.#notBefore.get(host) ?? 0) - this.#options.clock.now())
  }

  /** Waits for this request's turn. Throws a `TransientError` when that would take too long. What passed must be noted. */
  async pass(passing: Passing): Promise<void> {
    const { clock, circuits, maxWaitMs } = this.#options
    const { host, signal } = passing
    for (;;) {
      const now = clock.now()
      const before = circuits.of(host)
      const after = circuitAfter(before, { kind: 'asked', now })
      const waitMs = Math.max(circuitWaitMs(before, after, now), (this.#notBefore.get(host) ?? 0) - now)
      // Whoever is to try and has to wait for the API's sake tries then.
      if (waitMs <= 0 || after.kind !== 'trying') circuits.set(host, after)
      if (waitMs <= 0) break
      if (waitMs > maxWaitMs) throw this.#tooLong(passing, waitMs)
      await clock.sleep(waitMs, signal)
    }
    try {
      await this.#takeTurn(signal)
    } catch (error) {
      this.note(host, 'given-up')
      throw error
    }
  }

  /** What came of a request: an answer of any status that does not mean an outage, nothing of use, or nobody waited. */
  note(
    host: string,
    outcome: Exclude<CircuitEvent['kind'], 'asked'>,
    response: FetchResponse | null = null,
  ): void {
    const { clock, circuits } = this.#options
    const now = clock.now()
    circuits.set(host, circuitAfter(circuits.of(host), { kind: outcome, now }))
    if (response === null) return
    const until = Math.max(
      this.#notBefore.get(host) ?? 0,
      limitedUntil(response.headers, now) ?? 0,
      now + (retryAfterOf(response, now) ?? 0),
    )
    // Nobody is to ask before: not only the request that was told so.
    if (until > now) this.#notBefore.set(host, until)
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    if (this.spacingMs === 0) return
    const now = this.#options.clock.now()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + this.spacingMs
    if (at > now) await this.#options.clock.sleep(at - now, signal)
  }

  #tooLong({ host, where }: Passing, waitMs: number): TransientError {
    const isOpen = this.#options.circuits.of(host).kind === 'open'
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
