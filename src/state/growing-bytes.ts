const stepBytes = 1024 ** 2

/** What a list may come to: addresses are set aside for it, and memory is taken as it grows. */
const mostBytes = 128 * 1024 ** 2

/**
 * Zeroed memory that grows in place and that the garbage collector need not look through. The system gives it as such and
 * gets it back as a whole: buffers of a fixed size come from a heap that keeps what is given back to it, 25 MB of a
 * snapshot. Rejected: WebAssembly's memory, each of which sets aside ten gigabytes of addresses, more than a process with
 * a limit on them has.
 */
export class GrowingBytes {
  readonly #memory = new ArrayBuffer(0, { maxByteLength: mostBytes })

  /**
   * Adds at least `bytes`. Returns all of it; what was returned before is of no use any more. Throws a `RangeError` beyond
   * 128 MiB.
   */
  grow(bytes = 0): ArrayBuffer {
    const steps = Math.max(1, Math.ceil(bytes / stepBytes))
    this.#memory.resize(this.#memory.byteLength + steps * stepBytes)
    return this.#memory
  }
}
