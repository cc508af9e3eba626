import { once } from 'node:events'

/** Hang-ups that nobody has acted on yet. Any number of them ask for the same: to read the file as it is then. */
export class HangUps {
  #heard = new AbortController()

  note(): void {
    this.#heard.abort()
  }

  forget(): void {
    this.#heard = new AbortController()
  }

  /** Takes what was noted, or waits for the next; false when the signal comes first. */
  async next(signal: AbortSignal): Promise<boolean> {
    const either = AbortSignal.any([signal, this.#heard.signal])
    if (!either.aborted) await once(either, 'abort')
    if (signal.aborted) return false
    this.forget()
    return true
  }
}
