import { OperatorError } from '../runtime/errors.ts'

export interface ListedPage {
  readonly page: number
  /** Records on it, 0 if they are those of the page before; null: there is no such page. */
  readonly count: number | null
  /** Records on the largest page that was ever seen. */
  readonly largest: number
  /** The announced number of pages, null if the API does not say. */
  readonly total: number | null
  readonly hasNext: boolean
}

/**
 * Where a list of changes ends. A page that is empty ends it if the API announced no more, or as a second one in a
 * row where nothing is announced and the round before did not come further; records behind an empty page show that
 * the list has a hole.
 */
export class ListEnd {
  readonly #isAddressable: boolean
  /** Pages of the round before. */
  readonly #extent: number
  #announced: number | null = null
  #empty = 0
  #hasHole = false

  constructor(isAddressable: boolean, extent: number) {
    this.#isAddressable = isAddressable
    this.#extent = extent
  }

  /** Whether the list ends with this page, and then whether it was whole; null: it goes on. */
  look({ page, count, largest, total, hasNext }: ListedPage): 'whole' | 'broken' | null {
    if (count !== null) this.#announced = total
    if (!this.#isAddressable) return hasNext ? null : count === null ? 'broken' : 'whole'
    const announced = this.#announced
    if (count === null || count === 0) {
      // Some count one page too many: the last one may be empty, but not missing.
      if (announced !== null) return this.#end(page > announced || (page === announced && count !== null))
      if (count !== null && (++this.#empty < 2 || page < this.#extent)) return null
      return this.#end(true)
    }
    this.#hasHole ||= this.#empty > 0
    this.#empty = 0
    // Behind a full last page there may be others, if the announced number is too small.
    return announced !== null && page >= announced && count < largest ? this.#end(true) : null
  }

  #end(mayEnd: boolean): 'whole' | 'broken' {
    return mayEnd && !this.#hasHole ? 'whole' : 'broken'
  }
}

/** Throws before a page is asked for that lies beyond any size that an API may have. */
export function refuseEndless(page: number, { name, maxPages }: { name: string; maxPages: number }): void {
  if (page <= maxPages) return
  throw new OperatorError({
    code: 'pages-without-end',
    area: 'server',
    message: `source ${name}: after ${maxPages} pages there is still no end`,
    hint: 'If the API really has more pages, raise `maxPages` of the source.',
  })
}
