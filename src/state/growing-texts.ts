import { GrowingBytes } from './growing-bytes.ts'
import { GrowingInts } from './growing-ints.ts'

/** A list of texts, kept as UTF-8, that grows in place. */
export class GrowingTexts {
  readonly #memory = new GrowingBytes()
  #utf8 = Buffer.alloc(0)
  /** For each text where it ends; it begins where the one before ends. */
  readonly #ends = new GrowingInts()
  #end = 0

  get bytes(): number {
    return this.#end + this.#ends.bytes
  }

  push(text: string): void {
    const end = this.#end + Buffer.byteLength(text)
    if (end > this.#utf8.length) this.#utf8 = Buffer.from(this.#memory.grow(end - this.#utf8.length))
    this.#utf8.write(text, this.#end)
    this.#ends.push(end)
    this.#end = end
  }

  at(place: number): string {
    return this.#utf8.toString('utf8', this.#ends.at(place - 1), this.#ends.at(place))
  }
}
