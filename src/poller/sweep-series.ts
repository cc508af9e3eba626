import type { ChangeBatch } from '../changes/change-batch.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { PageBook } from './page-book.ts'
import type { PageAnswer } from './page-client.ts'
import type { Cycle } from './sweep-state.ts'
import { isAddressable } from './paging.ts'
import { pagePositionFormat } from './position.ts'
import type { SweepContext } from './sweep-context.ts'
import { Sweep } from './sweep.ts'

/** Where a sweep begins: with its first page, or behind those that it took in before a restart. */
interface Begin {
  readonly number: number
  readonly after: number
  readonly next: string | null
  /** Pages that were read by themselves since the last sweep ended. */
  readonly probe: number
}

/** Sweeps one after another, repeated as long as the API moves under them. */
export class SweepSeries {
  readonly #context: SweepContext
  readonly #takeFirstPage: () => PageAnswer | null
  #begin: Begin
  #begun: LedgerEntry[] = []

  private constructor(context: SweepContext, takeFirstPage: () => PageAnswer | null, begin: Begin) {
    this.#context = context
    this.#takeFirstPage = takeFirstPage
    this.#begin = begin
  }

  static async resume(
    context: SweepContext,
    { after, takeFirstPage }: { after: string | null; takeFirstPage: () => PageAnswer | null },
  ): Promise<SweepSeries> {
    return new SweepSeries(context, takeFirstPage, await whereToBegin(after, context))
  }

  /** The next sweep, and how many pages were read by themselves since the last one. */
  get place(): { readonly number: number; readonly probe: number } {
    return this.#begin
  }

  /** The next sweep begins a resync: all is delivered again, and what no sweep then sees is gone. */
  beginResync(): void {
    const { book, chain, settings } = this.#context
    const { number, after } = this.#begin
    this.#begin = { number: after > 0 ? number + 1 : number, after: 0, next: null, probe: 0 }
    this.#begun.push(book.source.beginResync(this.#begin.number))
    chain.precede([{ kind: 'resync-begin', stream: settings.stream }])
  }

  /** Sweeps until one can be trusted, or so many whole ones could not be. Returns whether one could. */
  async *untilStable(): AsyncGenerator<ChangeBatch, boolean> {
    const { client, settings } = this.#context
    const { maxSweeps = defaultMaxSweeps } = settings
    let isCycling = false
    for (let whole = 0; whole < maxSweeps;) {
      const isWhole = this.#begin.after === 0
      const { stable, notFound, cycle } = yield* this.#sweep()
      if (stable) return true
      const isLast = isWhole && ++whole === maxSweeps
      if (cycle !== null && (isCycling || isLast)) throw this.#cycles(cycle)
      if (notFound !== null && isLast && isAddressable(settings.page)) throw client.notFound(notFound)
      isCycling = cycle !== null && isWhole
    }
    settings.log.warn(
      { sweeps: maxSweeps },
      `source ${settings.name}: the pages moved during ${maxSweeps} sweeps; records that moved may be read only next time`,
    )
    return false
  }

  async *#sweep(): ReturnType<Sweep['run']> {
    const begin = this.#begin
    const sweep = new Sweep(this.#context, {
      ...begin,
      size: begin.after === 0 ? null : await this.#context.book.firstSize(),
      begun: this.#begun,
      firstPage: begin.after === 0 ? this.#takeFirstPage() : null,
    })
    this.#begun = []
    const verdict = yield* sweep.run()
    this.#begin = { number: begin.number + 1, after: 0, next: null, probe: 0 }
    return verdict
  }

  #cycles({ page, repeatOf }: Cycle): OperatorError {
    const { page: paging, totalPages, name } = this.#context.settings
    const what = 'param' in paging ? `"${paging.param}" is the parameter` : 'this is the address'
    return new OperatorError({
      code: 'page-cycle',
      area: 'configuration',
      message: `source ${name}: page ${page} holds the same records as page ${repeatOf}: the API goes in a circle`,
      hint:
        `Check that ${what} that chooses the page` +
        (totalPages === null ? ', and name the number of pages in totalPages if the API has just one.' : '.'),
    })
  }
}

const defaultMaxSweeps = 3

/** Goes on within a sweep when its pages are in the ledger, read under the same declaration; else starts one. */
async function whereToBegin(stored: string | null, { book }: { readonly book: PageBook }): Promise<Begin> {
  if (stored === null) return { number: 1, after: 0, next: null, probe: 0 }
  const { sweep, page, closing, probe, next } = pagePositionFormat.parse(stored)
  if (page === 0) return { number: sweep, after: 0, next: null, probe }
  const line = closing === 0 && book.source.isCurrent ? await book.read(page) : null
  return line?.edition === book.edition
    ? { number: sweep, after: page, next, probe: 0 }
    : { number: sweep + 1, after: 0, next: null, probe: 0 }
}
