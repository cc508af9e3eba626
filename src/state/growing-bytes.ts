/** What of it Node has and its types lack. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => {
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
}

/** WebAssembly counts memory in these. */
const pageBytes = 64 * 1024

const pagesPerStep = 16

/** What a list may come to: addresses are set aside for it, and memory is taken as it grows. */
const mostBytes = 1024 ** 3

/**
 * Zeroed memory that grows in place and that the garbage collector need not look through. It is WebAssembly's, which the
 * system gives as such and gets back as a whole: buffers of such a size come from a heap that keeps what is given back
 * to it, 25 MB of a snapshot.
 */
export class GrowingBytes {
  readonly #memory = new WebAssembly.Memory({ initial: 0, maximum: mostBytes / pageBytes })

  /** Adds at least `bytes`. Returns all of it; what was returned before is of no use any more. Throws a `RangeError`. */
  grow(bytes = 0): ArrayBuffer {
    this.#memory.grow(Math.max(pagesPerStep, Math.ceil(bytes / pageBytes)))
    return this.#memory.buffer
  }
}
