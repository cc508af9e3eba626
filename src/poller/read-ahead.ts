export interface ReadAheadOptions<T> {
  readonly fetch: (page: number) => Promise<T>
  /** Requests in flight at a time. */
  readonly concurrency: number
  /** What may wait for the consumer, in bytes as `sizeOf` tells them. The page it waits for always comes. */
  readonly maxBytes: number
  readonly sizeOf: (fetched: T) => number
}

interface Slot<T> {
  readonly result: Promise<T>
  readonly start: () => void
  bytes: number
  started: boolean
}

/** Fetches pages out of order and hands them over in order, bounded in requests and in bytes. */
export class ReadAhead<T> {
  readonly #options: ReadAheadOptions<T>
  readonly #slots = new Map<number, Slot<T>>()
  #running = 0
  #bytes = 0
  /** The largest so far: what a page in flight is reckoned at. */
  #largest = 0
  #asked = 0
  #wanted = 0

  constructor(options: ReadAheadOptions<T>) {
    this.#options = options
  }

  /** The greatest page asked for. */
  get asked(): number {
    return this.#asked
  }

  ask(pages: readonly number[]): void {
    for (const page of pages) {
      let start: () => void = () => undefined
      const result = new Promise<void>((resolve) => (start = resolve)).then(() => this.#fetch(page))
      // An error is thrown when its page is taken; until then it is not unhandled.
      result.catch(() => undefined)
      this.#slots.set(page, { result, start, bytes: 0, started: false })
      this.#asked = Math.max(this.#asked, page)
    }
    this.#startMore()
  }

  /** The page, which must have been asked for. */
  async take(page: number): Promise<T> {
    const slot = this.#slots.get(page)
    if (slot === undefined) throw new RangeError(`page ${page} was not asked for`)
    this.#wanted = page
    this.#startMore()
    try {
      return await slot.result
    } finally {
      this.#slots.delete(page)
      this.#bytes -= slot.bytes
      this.#startMore()
    }
  }

  /** Resolves when nothing is in flight any more; what was not started never will be. */
  async stop(): Promise<void> {
    const started = [...this.#slots.values()].filter((slot) => slot.started)
    this.#slots.clear()
    await Promise.allSettled(started.map((slot) => slot.result))
  }

  async #fetch(page: number): Promise<T> {
    try {
      const fetched = await this.#options.fetch(page)
      const bytes = this.#options.sizeOf(fetched)
      const slot = this.#slots.get(page)
      if (slot !== undefined) {
        slot.bytes = bytes
        this.#bytes += bytes
      }
      this.#largest = Math.max(this.#largest, bytes)
      return fetched
    } finally {
      this.#running--
      this.#startMore()
    }
  }

  #startMore(): void {
    const { concurrency, maxBytes } = this.#options
    for (const [page, slot] of this.#slots) {
      if (slot.started) continue
      if (this.#running >= concurrency) return
      const fits = this.#bytes + (this.#running + 1) * this.#largest <= maxBytes
      if (!fits && page !== this.#wanted) return
      slot.started = true
      this.#running++
      slot.start()
    }
  }
}
