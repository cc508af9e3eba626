import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Defect, OpenOptions, Source, SourceProgress } from '../changes/source.ts'
import { OperatorError, StoppingError, SynclineError } from '../runtime/errors.ts'
import { BatchChain } from './batch-chain.ts'
import type { HttpSourceOptions } from './options.ts'
import { PageBook } from './page-book.ts'
import { PageClient } from './page-client.ts'
import { compilePageSchema, type PageContent, type PageSchema } from './page-schema.ts'
import type { Cycle } from './page-state.ts'
import { pagePositionFormat } from './position.ts'
import { Sweep, type SweepSettings } from './sweep.ts'

export type { HttpColumn, HttpSourceOptions } from './options.ts'

/** A paged HTTP API as a source of changes. */
export interface HttpSource extends Source {
  /** Records that the last trustworthy sweep lacked and that another one must lack too before they are deleted. */
  pendingDeletions(): number
}

/**
 * Reads all pages; `open()` ends after a sweep that can be trusted. Contradicting options are an `OperatorError` at
 * once.
 */
export function createHttpSource(options: HttpSourceOptions): HttpSource {
  return new PagedSource(options)
}

const defaults = {
  readAheadBytes: 16 * 2 ** 20,
  maxSweeps: 3,
  confirmSweeps: 2,
  maxDeletedShare: 0.2,
  maxPages: 1_000_000,
}

/** How long a first page that the preflight read may begin a sweep: no page is asked for twice. */
const preflightMs = 60_000

class PagedSource implements HttpSource {
  readonly name: string
  readonly streams: readonly string[]
  readonly position = pagePositionFormat
  readonly #settings: SweepSettings & { readonly maxSweeps: number }
  readonly #schema: PageSchema
  readonly #client: PageClient
  #progress: SourceProgress = { phase: 'pages', done: 0, total: null }
  #book: PageBook | null = null
  #firstPage: { readonly body: Buffer; readonly at: number } | null = null

  constructor(options: HttpSourceOptions) {
    if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
      throw new OperatorError({
        code: 'url-invalid',
        area: 'configuration',
        message: `source ${options.name}: the URL is not one of http or https`,
        hint: 'Write it in full, for instance https://vendor.example/api/v1/users.',
      })
    }
    this.#settings = { ...defaults, ...options }
    this.name = options.name
    this.streams = [options.stream]
    this.#schema = compilePageSchema(options)
    this.#client = new PageClient(options)
  }

  progress(): readonly SourceProgress[] {
    return [this.#progress]
  }

  pendingDeletions(): number {
    return this.#book?.lastSweep?.pending ?? 0
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async preflight(signal: AbortSignal): Promise<readonly Defect[]> {
    try {
      const read = (body: Buffer): { body: Buffer; content: PageContent } => ({
        body,
        content: this.#schema.read(body),
      })
      const page = await this.#client.fetchPage({ page: 1, read, signal, mayBeMissing: false })
      if (page === null) return []
      this.#firstPage = { body: page.body, at: this.#settings.clock.now() }
      return unreadableRecords(page.content, this.name)
    } catch (error) {
      if (!(error instanceof SynclineError) || error instanceof StoppingError) throw error
      const cure = error.hint ?? 'Ask for the page with curl.'
      return [
        {
          severity: 'fatal',
          code: error.code,
          message: error.message,
          cure,
          cause: error,
        },
      ]
    }
  }

  async *open({ after, ledger, signal }: OpenOptions): AsyncGenerator<ChangeBatch, void> {
    if (signal.aborted) return
    const { stream, maxSweeps } = this.#settings
    try {
      const book = await PageBook.load(ledger, this.#schema, stream)
      this.#book = book
      const chain = new BatchChain({
        after,
        ledger: book.ledger,
        opening: [
          { kind: 'schema', stream, columns: this.#schema.columns },
          // Another source may have filled the stream, under another name in the configuration for instance.
          ...(after === null ? [{ kind: 'resync-begin', stream } as const] : []),
        ],
      })
      let { number, page } = await whereToBegin(after, book)
      const begun = after === null ? [book.beginResync(number)] : []
      let isCycling = false
      for (let whole = 0; whole < maxSweeps; number++) {
        const sweep = new Sweep({
          settings: this.#settings,
          schema: this.#schema,
          client: this.#client,
          book,
          chain,
          number,
          after: page,
          begun: begun.splice(0),
          signal,
          firstPage: page === 0 ? this.#takeFirstPage() : null,
          onPage: (state) => {
            this.#progress = { phase: 'pages', done: state.pages, total: state.greatestTotal }
          },
        })
        const { stable, notFound, cycle } = yield* sweep.run()
        if (stable) return
        const isLast = page === 0 && ++whole === maxSweeps
        if (cycle !== null && (isCycling || isLast)) throw this.#cycles(cycle)
        if (notFound !== null && isLast) throw this.#client.notFound(notFound)
        isCycling = cycle !== null && page === 0
        page = 0
      }
      this.#settings.log.warn(
        { sweeps: maxSweeps },
        `source ${this.name}: the pages moved during ${maxSweeps} sweeps; records that moved may be read only next time`,
      )
    } catch (error) {
      // It may have been aborted since it was looked at above.
      if (!(signal as { readonly aborted: boolean }).aborted) throw error
    } finally {
      this.#warnOfPending()
    }
  }

  #cycles({ page, repeatOf }: Cycle): OperatorError {
    const { page: paging, totalPages } = this.#settings
    return new OperatorError({
      code: 'page-cycle',
      area: 'configuration',
      message: `source ${this.name}: page ${page} holds the same records as page ${repeatOf}: the API goes in a circle`,
      hint:
        `Check that "${paging.param}" is the parameter that chooses the page` +
        (totalPages === null ? ', and name the number of pages in totalPages if the API has just one.' : '.'),
    })
  }

  #takeFirstPage(): Buffer | null {
    const page = this.#firstPage
    this.#firstPage = null
    return page !== null && this.#settings.clock.now() - page.at < preflightMs ? page.body : null
  }

  #warnOfPending(): void {
    const pending = this.pendingDeletions()
    if (pending === 0) return
    this.#settings.log.warn(
      { pending },
      `source ${this.name}: ${pending === 1 ? '1 record was' : `${pending} records were`} not seen any more; another sweep that confirms it deletes ${pending === 1 ? 'it' : 'them'}`,
    )
  }
}

/** Goes on within a sweep when its pages are in the ledger, read under the same declaration; else starts one. */
async function whereToBegin(after: string | null, book: PageBook): Promise<{ number: number; page: number }> {
  if (after === null) return { number: 1, page: 0 }
  const { sweep, page, closing } = pagePositionFormat.parse(after)
  if (page === 0 && closing === 0) return { number: sweep, page: 0 }
  const line = closing === 0 && book.isCurrent ? await book.read(page) : null
  return line?.edition === book.edition ? { number: sweep, page } : { number: sweep + 1, page: 0 }
}

function unreadableRecords({ records }: PageContent, name: string): Defect[] {
  const rejected = records.flatMap((record) => record.rejected ?? [])
  const [first] = rejected
  if (first === undefined) return []
  return [
    {
      severity: rejected.length === records.length ? 'fatal' : 'warning',
      code: 'records-unreadable',
      message: `source ${name}: ${rejected.length} of ${records.length} records on the first page cannot be taken in, the first because ${first.reason}`,
      cure: 'Compare the columns of the source, their types and pointers, with a page of the API.',
    },
  ]
}
