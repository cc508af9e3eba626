import { wasNeverSent } from './http-errors.ts'
import { BodyTooLarge, type Fetcher, type FetchRequest, type FetchResponse } from './http-fetcher.ts'
import type { RequestGate } from './request-gate.ts'

export interface GatedRequest extends FetchRequest {
  /** Names what is asked for, for messages. */
  readonly where: string
}

/** Every request of a source waits for its turn at the gate, whatever it is for, and what came of it is noted there. */
export class GatedFetcher {
  readonly #fetcher: Fetcher
  readonly #gate: RequestGate

  constructor(fetcher: Fetcher, gate: RequestGate) {
    this.#fetcher = fetcher
    this.#gate = gate
  }

  async fetch({ where, ...request }: GatedRequest): Promise<FetchResponse> {
    const { host } = request.url
    await this.#gate.pass({ host, where, signal: request.signal })
    try {
      const response = await this.#fetcher.fetch(request)
      this.#gate.note(host, response.status >= 500 ? 'failed' : 'answered', response)
      return response
    } catch (error) {
      // Whoever sends too much is up.
      const outcome = error instanceof BodyTooLarge ? 'answered' : 'failed'
      this.#gate.note(host, request.signal.aborted || wasNeverSent(error) ? 'given-up' : outcome)
      throw error
    }
  }

  close(): Promise<void> {
    return this.#fetcher.close()
  }
}
