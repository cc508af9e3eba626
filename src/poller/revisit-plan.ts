import type { Staleness } from '../changes/source.ts'
import type { ChangeRates } from './change-rates.ts'

export interface RevisitLimits {
  /** No page may be older than this; null: there is no bound. */
  readonly maxStalenessMs: number | null
  /** Between two requests; 0 when there is no budget. */
  readonly spacingMs: number
}

/** What is left of the slowest request with each that was faster. */
const forgetting = 0.98

/**
 * Which page to read next, between sweeps. A change waits for half the time between two reads of its page on average,
 * so with rates λ and budget Σ f the sum Σ λ/(2f) is least for f ∝ √λ; reading the page with the greatest λ · age²
 * gives just that, evenly spaced, and with equal rates it is the round robin. Source: Cho & Garcia-Molina, "Effective
 * Page Refresh Policies for Web Crawlers", ACM TODS 28(4), 2003, of which this is the index form.
 *
 * The bound: a page is put off only as long as all that are older can still be read in time, one after another, and
 * a whole sweep can begin at any moment and still reach its last page in time. Requests take their share of the budget, or
 * as long as they lately took: where answers are too slow for pages one by one, sweeps keep the bound, if they can.
 */
export class RevisitPlan {
  readonly rates: ChangeRates
  readonly #limits: RevisitLimits
  #readAt = new Float64Array(0)
  /** Milliseconds that one page takes in a sweep, and by itself. */
  #sweepMs = 0
  #readMs = 0
  /** Pages from the one that was read longest ago to the last one: a ring through place 0. */
  #after = new Uint32Array(1)
  #before = new Uint32Array(1)

  constructor(rates: ChangeRates, limits: RevisitLimits) {
    this.rates = rates
    this.#limits = limits
  }

  get pages(): number {
    return this.#readAt.length
  }

  /** Whether budget or slow answers contradict the bound for so many pages. */
  get isBoundOutOfReach(): boolean {
    return !this.#isKeptAt(this.#readPaceMs) && !this.#isKeptAt(this.#sweepPaceMs)
  }

  /** Null before any page is known. */
  staleness(now: number): Staleness | null {
    const oldest = this.#after[0] ?? 0
    if (oldest === 0) return null
    const leastMs = Math.ceil(this.#neededMs(Math.min(this.#readPaceMs, this.#sweepPaceMs)))
    return { oldestMs: Math.max(0, now - this.#at(oldest)), boundMs: this.#limits.maxStalenessMs, leastMs }
  }

  /** Sets the number of pages. `readAt`: when each was last read, the first page first. */
  setPages(pages: number, readAt: (page: number) => number): void {
    this.rates.setPages(pages)
    this.#readAt = Float64Array.from({ length: pages }, (_, index) => readAt(index + 1))
    this.#after = new Uint32Array(pages + 1)
    this.#before = new Uint32Array(pages + 1)
    const order = Array.from({ length: pages }, (_, index) => index + 1)
    order.sort((a, b) => this.#at(a) - this.#at(b) || a - b)
    for (const page of order) this.#append(page)
  }

  /** A sweep took so long for each of its pages, and one by itself would take `readMs`. */
  noteSweepPace({ sweepMs, readMs }: { sweepMs: number; readMs: number }): void {
    this.#sweepMs = sweepMs
    this.#readMs = Math.max(readMs, this.#readMs)
  }

  /** A page that was read by itself took so long. The slowest counts, and is forgotten little by little. */
  noteReadPace(ms: number): void {
    this.#readMs = Math.max(ms, this.#readMs * forgetting)
  }

  readAt(page: number): number | null {
    return this.#readAt[page - 1] ?? null
  }

  /** A page was asked for, whatever came of it. */
  note(page: number, now: number): void {
    if (page > this.pages) return
    this.#readAt[page - 1] = now
    const [before, after] = [this.#before[page] ?? 0, this.#after[page] ?? 0]
    this.#after[before] = after
    this.#before[after] = before
    this.#append(page)
  }

  /** A page was read. `before`: when it was last read under the same declaration, null if never. */
  noteRead(
    page: number,
    { changes, before, now }: { changes: number; before: number | null; now: number },
  ): void {
    this.note(page, now)
    if (before !== null) this.rates.note(page, { changes, elapsedMs: Math.max(0, now - before), now })
  }

  /** A sweep has ended; pages that it did not tell of count as read when it did. */
  noteSweep(pages: number, now: number): void {
    this.setPages(pages, (page) => this.readAt(page) ?? now)
  }

  /** The page to read now; null when the bound asks for none and there is no budget to spend. */
  next(now: number): number | null {
    const oldest = this.#after[0] ?? 0
    if (oldest === 0) return null
    if (this.msToBound(now) === 0) return this.#mustSweep ? null : oldest
    if (this.#limits.spacingMs === 0) return null
    let best = oldest
    let most = -1
    for (let page = 1; page <= this.pages; page++) {
      const age = now - this.#at(page)
      const index = this.rates.rateOf(page) * age * age
      if (index > most) [best, most] = [page, index]
    }
    return best
  }

  /** When the bound asks for the next page, or a sweep, in milliseconds from now; Infinity without a bound. */
  msToBound(now: number): number {
    const { maxStalenessMs } = this.#limits
    if (maxStalenessMs === null) return Infinity
    // How old a page may get between sweeps, so that a sweep can still begin.
    const dueMs = maxStalenessMs - this.pages * this.#sweepPaceMs
    const isBySweeps = this.#mustSweep
    // The page that is spent on meanwhile, if there is a budget to spend, must not hold up the sweep.
    const lastMs = isBySweeps && this.#limits.spacingMs === 0 ? 0 : this.#readPaceMs
    const paceMs = isBySweeps ? 0 : this.#readPaceMs
    let ms = Infinity
    let place = 1
    for (let page = this.#after[0] ?? 0; page !== 0; page = this.#after[page] ?? 0)
      ms = Math.min(ms, this.#at(page) + dueMs - now - lastMs - place++ * paceMs)
    return Math.max(0, ms)
  }

  get #sweepPaceMs(): number {
    return Math.max(this.#limits.spacingMs, this.#sweepMs)
  }

  get #readPaceMs(): number {
    return Math.max(this.#limits.spacingMs, this.#readMs)
  }

  /** Pages by themselves come too slowly, and sweeps do not. */
  get #mustSweep(): boolean {
    return !this.#isKeptAt(this.#readPaceMs) && this.#isKeptAt(this.#sweepPaceMs)
  }

  /** Whether all pages can be read at this pace, and then once more by a sweep, within the bound. */
  #isKeptAt(paceMs: number): boolean {
    const { maxStalenessMs } = this.#limits
    return maxStalenessMs === null || maxStalenessMs >= this.#neededMs(paceMs)
  }

  #neededMs(paceMs: number): number {
    return this.pages * (this.#sweepPaceMs + paceMs)
  }

  #at(page: number): number {
    return this.#readAt[page - 1] ?? 0
  }

  #append(page: number): void {
    const last = this.#before[0] ?? 0
    this.#after[last] = page
    this.#before[page] = last
    this.#after[page] = 0
    this.#before[0] = page
  }
}
