import { GrowingBytes } from './growing-bytes.ts'

/** A list of 32-bit integers that grows in place. */
export class GrowingInts {
  readonly #memory = new GrowingBytes()
  #ints = new Int32Array(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#length * 4
  }

  push(value: number): void {
    if (this.#length === this.#ints.length) this.#ints = new Int32Array(this.#memory.grow())
    this.#ints[this.#length++] = value
  }

  /** 0 beyond its end. */
  at(place: number): number {
    return this.#ints[place] ?? 0
  }

  set(place: number, value: number): void {
    this.#ints[place] = value
  }
}
