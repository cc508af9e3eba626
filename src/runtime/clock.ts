import { setTimeout as delay } from 'node:timers/promises'

/** Time as a dependency: decisions never read the machine's clock themselves. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal ? { signal } : {})
    } catch (error) {
      // Node rejects with an error of its own that has the reason as its cause.
      signal?.throwIfAborted()
      throw error
    }
  },
}
