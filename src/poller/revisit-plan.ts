import type { ChangeRates } from './change-rates.ts'

export interface RevisitLimits {
  /** No page may be older than this; null: there is no bound. */
  readonly maxStalenessMs: number | null
  /** Between two requests; 0 when there is no budget. */
  readonly spacingMs: number
}

/**
 * Which page to read next, between sweeps. A change waits for half the time between two reads of its page on average,
 * so with rates λ and budget Σ f the sum Σ λ/(2f) is least for f ∝ √λ; reading the page with the greatest λ · age²
 * gives just that, evenly spaced, and with equal rates it is the round robin. Source: Cho & Garcia-Molina, "Effective
 * Page Refresh Policies for Web Crawlers", ACM TODS 28(4), 2003, of which this is the index form.
 *
 * The bound: a page is put off only as long as all that are older can still be read in time, one after another, and
 * a whole sweep can begin at any moment and still reach its last page in time.
 */
export class RevisitPlan {
  readonly rates: ChangeRates
  readonly #limits: RevisitLimits
  #readAt = new Float64Array(0)
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

  /** Whether budget and bound contradict each other for so many pages. */
  get isBoundOutOfReach(): boolean {
    const { maxStalenessMs, spacingMs } = this.#limits
    return maxStalenessMs !== null && maxStalenessMs < 2 * this.pages * spacingMs
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
    if (this.#isTight(now)) return oldest
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

  /** When the bound asks for the next page, in milliseconds from now; Infinity without a bound. */
  msToBound(now: number): number {
    const oldest = this.#after[0] ?? 0
    return oldest === 0 ? Infinity : Math.max(0, this.#at(oldest) + this.#dueMs() - now)
  }

  /** Whether some page would come too late if this turn were given to another one than the oldest. */
  #isTight(now: number): boolean {
    const dueMs = this.#dueMs()
    if (dueMs === Infinity) return false
    const { spacingMs } = this.#limits
    let place = 1
    for (let page = this.#after[0] ?? 0; page !== 0; page = this.#after[page] ?? 0) {
      const slack = this.#at(page) + dueMs - now
      if (slack < (place + 1) * spacingMs || slack <= 0) return true
      // All later ones are younger still.
      if (slack >= (this.pages + 1) * spacingMs) return false
      place++
    }
    return false
  }

  /** How old a page may get between sweeps, so that a sweep can still begin. */
  #dueMs(): number {
    const { maxStalenessMs, spacingMs } = this.#limits
    return maxStalenessMs === null ? Infinity : maxStalenessMs - this.pages * spacingMs
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
