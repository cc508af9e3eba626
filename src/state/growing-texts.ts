import { GrowingInts } from './growing-ints.ts'

const segmentBytes = 64 * 1024

/** A list of texts that grows by segments of their UTF-8, which the garbage collector need not look through. */
export class GrowingTexts {
  readonly #segments: Buffer[] = []
  /** Three for each text: its segment, its place therein, its bytes. */
  readonly #places = new GrowingInts()
  #bytes = 0
  #end = segmentBytes

  get bytes(): number {
    return this.#bytes + this.#places.bytes
  }

  push(text: string): void {
    const length = Buffer.byteLength(text)
    if (this.#end + length > (this.#segments.at(-1)?.length ?? 0)) {
      const segment = Buffer.allocUnsafeSlow(Math.max(segmentBytes, length))
      this.#segments.push(segment)
      this.#bytes += segment.length
      this.#end = 0
    }
    this.#segments.at(-1)?.write(text, this.#end)
    this.#places.push(this.#segments.length - 1)
    this.#places.push(this.#end)
    this.#places.push(length)
    this.#end += length
  }

  at(place: number): string {
    const start = this.#places.at(3 * place + 1)
    const segment = this.#segments[this.#places.at(3 * place)]
    return segment?.toString('utf8', start, start + this.#places.at(3 * place + 2)) ?? ''
  }
}
