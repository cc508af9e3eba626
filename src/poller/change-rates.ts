import type { Json } from '../changes/ledger.ts'

/** Regions of the order whose rates are kept apart, at most. */
const maxRegions = 1024

/** What was seen counts half after so long: rates drift, and records drift to other pages. */
const halfLifeMs = 14 * 86_400_000

/** Changes that the neighbourhood's rate counts for beside those that a region itself has shown. */
const priorChanges = 4

/** Rates are estimated again after this part of as many reads as there are regions. */
const estimateShare = 8

/** Regions on either side that make the neighbourhood. */
const neighbours = 4

/**
 * How often records change, by the region of the order in which they stand: one insert shifts all later pages, but a
 * region stays nearly what it is. Counted are changed records, never pages that look different because they shifted.
 * A region holds 1, 2, 4, … pages, so that regions stay the same while the API grows, and memory is bounded.
 *
 * Gamma-Poisson shrinkage: a region's rate is drawn towards that of its neighbourhood and this towards that of all, the more
 * the less was seen of it. Source: Efron & Morris, "Data Analysis Using Stein's Estimator", JASA 70 (1975).
 */
export class ChangeRates {
  #pagesPerRegion = 1
  #changes: Float64Array = new Float64Array(0)
  /** Page-milliseconds over which they were counted. */
  #exposure: Float64Array = new Float64Array(0)
  #updatedAt: Float64Array = new Float64Array(0)
  #rates: Float64Array | null = null
  /** Reads noted since they were estimated. */
  #notes = 0

  static parse(stored: Json | undefined): ChangeRates {
    const rates = new ChangeRates()
    const { pagesPerRegion, changes, exposure, at } = (stored ?? {}) as Partial<Stored>
    if (pagesPerRegion === undefined || changes === undefined || exposure === undefined) return rates
    rates.#pagesPerRegion = pagesPerRegion
    rates.#changes = Float64Array.from(changes, (thousandths) => thousandths / 1000)
    rates.#exposure = Float64Array.from(exposure)
    rates.#updatedAt = new Float64Array(changes.length).fill(at ?? 0)
    return rates
  }

  /** For the ledger, whose numbers are whole. */
  stored(now: number): Json {
    const at = (region: number): number =>
      2 ** ((this.#updatedAt[region] ?? now) / halfLifeMs - now / halfLifeMs)
    return {
      pagesPerRegion: this.#pagesPerRegion,
      changes: Array.from(this.#changes, (count, region) => Math.round(count * at(region) * 1000)),
      exposure: Array.from(this.#exposure, (ms, region) => Math.round(ms * at(region))),
      at: now,
    }
  }

  setPages(pages: number): void {
    while (pages > this.#pagesPerRegion * maxRegions) this.#halve()
    const regions = Math.ceil(pages / this.#pagesPerRegion)
    this.#rates = null
    if (regions === this.#changes.length) return
    this.#changes = resized(this.#changes, regions)
    this.#exposure = resized(this.#exposure, regions)
    this.#updatedAt = resized(this.#updatedAt, regions)
  }

  /** A page was read that was read before `elapsedMs`, and so many of its records had changed. */
  note(page: number, { changes, elapsedMs, now }: { changes: number; elapsedMs: number; now: number }): void {
    const region = this.#regionOf(page)
    const faded = 2 ** -((now - (this.#updatedAt[region] ?? now)) / halfLifeMs)
    this.#changes[region] = (this.#changes[region] ?? 0) * faded + changes
    this.#exposure[region] = (this.#exposure[region] ?? 0) * faded + elapsedMs
    this.#updatedAt[region] = now
    this.#notes++
  }

  /** Changed records a page and millisecond, estimated for each region. */
  rateOf(page: number): number {
    // One read moves the estimates but little, and there are as many as regions.
    if (this.#rates === null || this.#notes * estimateShare >= this.#changes.length) {
      this.#rates = this.#estimate()
      this.#notes = 0
    }
    return this.#rates[this.#regionOf(page)] ?? 0
  }

  #estimate(): Float64Array {
    const total = sum(this.#changes, 0, this.#changes.length) + 1
    const overall = total / (sum(this.#exposure, 0, this.#exposure.length) + 1)
    return this.#changes.map((changes, region) => {
      const [from, to] = [region - neighbours, region + neighbours + 1]
      const around = shrunk(
        sum(this.#changes, from, to) - changes,
        sum(this.#exposure, from, to) - (this.#exposure[region] ?? 0),
        overall,
      )
      return shrunk(changes, this.#exposure[region] ?? 0, around)
    })
  }

  #regionOf(page: number): number {
    return Math.floor((page - 1) / this.#pagesPerRegion)
  }

  /** Two regions become one. */
  #halve(): void {
    const half = (from: Float64Array, join: (a: number, b: number) => number): Float64Array =>
      Float64Array.from({ length: Math.ceil(from.length / 2) }, (_, region) =>
        join(from[region * 2] ?? 0, from[region * 2 + 1] ?? 0),
      )
    this.#pagesPerRegion *= 2
    this.#changes = half(this.#changes, (a, b) => a + b)
    this.#exposure = half(this.#exposure, (a, b) => a + b)
    this.#updatedAt = half(this.#updatedAt, Math.max)
  }
}

interface Stored {
  readonly pagesPerRegion: number
  readonly changes: readonly number[]
  readonly exposure: readonly number[]
  readonly at: number
}

function shrunk(changes: number, exposure: number, towards: number): number {
  return (changes + priorChanges) / (exposure + priorChanges / towards)
}

function sum(values: Float64Array, from: number, to: number): number {
  let total = 0
  for (let place = Math.max(0, from); place < Math.min(to, values.length); place++)
    total += values[place] ?? 0
  return total
}

function resized(values: Float64Array, length: number): Float64Array {
  const result = new Float64Array(length)
  result.set(values.subarray(0, length))
  return result
}
