const segmentBits = 15
const segmentLength = 2 ** segmentBits
const withinSegment = segmentLength - 1

/** A list of 32-bit integers that grows by segments: nothing is copied, and no more than one segment is unused. */
export class GrowingInts {
  readonly #segments: Int32Array[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#segments.length * segmentLength * 4
  }

  push(value: number): void {
    const place = this.#length++
    if ((place & withinSegment) === 0) this.#segments.push(new Int32Array(segmentLength))
    this.set(place, value)
  }

  /** 0 beyond its end. */
  at(place: number): number {
    return this.#segments[place >>> segmentBits]?.[place & withinSegment] ?? 0
  }

  set(place: number, value: number): void {
    const segment = this.#segments[place >>> segmentBits]
    if (segment) segment[place & withinSegment] = value
  }
}
