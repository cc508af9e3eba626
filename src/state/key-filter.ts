/** Bits looked at for each key: about the best number for ten bits of filter a key. */
const probes = 4

/**
 * A Bloom filter over blocking keys (Bloom 1970): a key that was added is always found, another one rarely. It
 * spares the server the look-up of keys that nobody has, which are most. Its size is fixed; when it is overfull it
 * only spares less. Keys that are gone stay in it, which costs a look-up and nothing else.
 */
export class KeyFilter {
  readonly #bits: Uint32Array
  readonly #mask: number

  /** `bytes` is a power of two, at most 256 MiB. */
  constructor(bytes: number) {
    this.#bits = new Uint32Array(bytes / 4)
    this.#mask = bytes * 8 - 1
  }

  /** `key`: a safe integer, evenly spread as hashes are. */
  add(key: number): void {
    const [start, step] = halves(key)
    let place = start
    for (let i = 0; i < probes; i++) {
      const bit = place & this.#mask
      this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31))
      place = (place + step) | 0
    }
  }

  mayHave(key: number): boolean {
    const [start, step] = halves(key)
    let place = start
    for (let i = 0; i < probes; i++) {
      const bit = place & this.#mask
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false
      place = (place + step) | 0
    }
    return true
  }
}

/** Two hashes stand for many (Kirsch & Mitzenmacher 2006); the step is odd, so that it reaches every bit. */
function halves(key: number): [number, number] {
  return [key | 0, Math.floor(key / 2 ** 21) | 1]
}
