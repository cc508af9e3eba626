/**
 * Numbers to consecutive slots, as a compact open-addressing table: 8 bytes a place. For a million keys a `Map` would
 * take ten times that.
 */
export class TupleTable {
  readonly capacity: number
  readonly #keys: Float64Array

  /** For at most `expected` keys, non-negative integers below 2^53. */
  constructor(expected: number) {
    this.capacity = 2 ** Math.ceil(Math.log2(Math.max(16, expected * 1.6)))
    this.#keys = new Float64Array(this.capacity).fill(-1)
  }

  /** The slot of the key, taking a free one for a new key. */
  slotOf(key: number): number {
    const slot = this.#probe(key)
    if (this.#keys[slot] === -1) this.#keys[slot] = key
    return slot
  }

  /** Whether the key was new. */
  add(key: number): boolean {
    const slot = this.#probe(key)
    if (this.#keys[slot] === key) return false
    this.#keys[slot] = key
    return true
  }

  #probe(key: number): number {
    const last = this.capacity - 1
    let slot = (Math.imul((key % 4_294_967_291) | 0, 0x9e3779b1) >>> 7) & last
    while (this.#keys[slot] !== -1 && this.#keys[slot] !== key) slot = (slot + 1) & last
    return slot
  }
}
