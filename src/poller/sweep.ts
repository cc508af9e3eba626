import { createHash } from 'node:crypto'
import type { ChangeBatch } from '../changes/change-batch.ts'
import { OperatorError, StoppingError } from '../runtime/errors.ts'
import { confirmedMissing, deleteMissing, noteMissing, refuseMassDeletion, type Closing } from './absence.ts'
import type { BatchChain } from './batch-chain.ts'
import type { HttpSourceOptions } from './options.ts'
import { vectorOfPage, type PageBook, type PageOutcome } from './page-book.ts'
import type { PageClient } from './page-client.ts'
import type { SweepLine } from './page-line.ts'
import type { PageContent, PageSchema } from './page-schema.ts'
import {
  beginSweep,
  judgePage,
  judgeSweep,
  wantedPages,
  type SweepState,
  type Verdict,
} from './page-state.ts'
import { pagePosition } from './position.ts'
import { ReadAhead } from './read-ahead.ts'

export type SweepSettings = HttpSourceOptions & {
  readonly readAheadBytes: number
  readonly confirmSweeps: number
  readonly maxDeletedShare: number
  readonly maxPages: number
}

export interface SweepOptions {
  readonly settings: SweepSettings
  readonly schema: PageSchema
  readonly client: PageClient
  readonly book: PageBook
  readonly chain: BatchChain
  readonly number: number
  /** The last page that this sweep took in before a restart. */
  readonly after: number
  readonly signal: AbortSignal
  /** A first page that was just read. */
  readonly firstPage: Buffer | null
  readonly onPage: (state: SweepState) => void
}

/** A page as it arrived. Its content is null when the body is the one that the ledger knows. */
interface Fetched {
  readonly hash: string
  readonly body: Buffer
  readonly content: PageContent | null
}

/** Bytes of a parsed record for each of its body. */
const parsedWeight = 6

/** One pass over the pages: a batch for each, then the bookkeeping of its end. */
export class Sweep {
  readonly #options: SweepOptions
  readonly #stop = new AbortController()
  #state: SweepState
  /** The last page as it was when the sweep began; its ids are null if that could not be learned. */
  #lastPage: { readonly page: number; readonly vector: Promise<string | null> } | null = null
  #records = 0
  #changed = 0

  constructor(options: SweepOptions) {
    this.#options = options
    this.#state = beginSweep({ after: options.after, at: options.settings.clock.now() })
  }

  async *run(): AsyncGenerator<ChangeBatch, Verdict> {
    const { signal, book, after } = this.#options
    const abort = (): void => {
      this.#stop.abort()
    }
    signal.addEventListener('abort', abort, { once: true })
    const { concurrency, readAheadBytes } = this.#options.settings
    const ahead = new ReadAhead<Fetched | null>({
      fetch: (page) => this.#fetch(page),
      concurrency,
      maxBytes: readAheadBytes,
      sizeOf: (fetched) =>
        fetched === null ? 0 : fetched.body.length * (fetched.content === null ? 1 : parsedWeight),
    })
    try {
      let begin = book.beginSweep(after)
      while (!this.#state.ended) {
        this.#refuseEndless()
        ahead.ask(wantedPages(this.#state, { asked: ahead.asked, ahead: concurrency * 2 }))
        const page = this.#state.next
        const fetched = await ahead.take(page)
        const outcome = this.#judge(page, fetched, await this.#hasMoved(page, fetched))
        if (signal.aborted) throw new StoppingError()
        this.#lookAtLastPage()
        if (outcome === null) continue
        this.#options.onPage(this.#state)
        yield this.#batch(pagePosition(this.#options.number, page), {
          ...outcome,
          ledger: [...begin, ...outcome.ledger],
        })
        begin = []
      }
      return yield* this.#end()
    } finally {
      signal.removeEventListener('abort', abort)
      this.#stop.abort()
      await ahead.stop()
      await this.#lastPage?.vector
    }
  }

  async #fetch(page: number): Promise<Fetched | null> {
    const { client, book, schema, firstPage } = this.#options
    const read = (body: Buffer): Fetched => {
      const hash = createHash('sha256').update(schema.fingerprint).update(body).digest('base64').slice(0, 22)
      return { hash, body, content: book.lines.get(page)?.hash === hash ? null : schema.read(body) }
    }
    if (page === 1 && firstPage !== null) return read(firstPage)
    // Some APIs answer 404 past the end, and the end may come nearer while the sweep goes on.
    return client.fetchPage({ page, read, signal: this.#stop.signal, mayBeMissing: page > 1 })
  }

  /** Only a sweep without a predecessor needs it: others know the ids that they should see. */
  #lookAtLastPage(): void {
    const { book, after } = this.#options
    const { greatestTotal: page, next } = this.#state
    if (this.#lastPage !== null || book.lastSweep !== null || after > 0 || page === null || page <= next)
      return
    const look = async (): Promise<string | null> => {
      try {
        const fetched = await this.#fetch(page)
        return fetched?.content == null ? null : vectorOfPage(fetched.content)
      } catch {
        // Whatever is wrong with the page is told when its turn comes.
        return null
      }
    }
    this.#lastPage = { page, vector: look() }
  }

  async #hasMoved(page: number, fetched: Fetched | null): Promise<boolean> {
    if (page !== this.#lastPage?.page || fetched?.content == null) return false
    const before = await this.#lastPage.vector
    return before !== null && before !== vectorOfPage(fetched.content)
  }

  /** Decides about the page; null when it is past the end. */
  #judge(page: number, fetched: Fetched | null, moved: boolean): PageOutcome | null {
    const { book, schema, settings, number } = this.#options
    const line = book.lines.get(page)
    const known = fetched !== null && fetched.content === null && line !== undefined ? line : null
    const content = fetched === null ? null : (known ?? fetched.content ?? schema.read(fetched.body))
    const facts = content === null ? { count: 0, fresh: 0, repeatOf: null } : book.inspect(page, content)
    const step = judgePage(this.#state, {
      page,
      total: content?.total ?? null,
      moved,
      notFound: content === null,
      at: settings.clock.now(),
      ...facts,
    })
    this.#state = step.state
    if (step.kind === 'leave' || fetched === null) return null
    this.#records += facts.count
    const unchanged = known === null ? null : book.takeUnchanged(page, known)
    if (unchanged !== null) return unchanged
    return book.take(page, {
      content: fetched.content ?? schema.read(fetched.body),
      hash: fetched.hash,
      sweep: number,
    })
  }

  #batch(position: ReturnType<typeof pagePosition>, draft: Partial<PageOutcome>): ChangeBatch {
    this.#changed += draft.changes?.length ?? 0
    return this.#options.chain.next(position, draft)
  }

  async *#end(): AsyncGenerator<ChangeBatch, Verdict> {
    const { book, number, settings } = this.#options
    const state = this.#state
    const vector = book.vector()
    const before = book.lastSweep
    const verdict = judgeSweep(state, { sameVector: before?.vector === vector })
    const agrees = verdict.provesAbsence && before !== null && before.agreeing > 0 && before.vector === vector
    const line: SweepLine = {
      number,
      pages: state.pages,
      records: this.#records,
      vector,
      complete: true,
      stable: verdict.stable,
      agreeing: verdict.provesAbsence ? (agrees ? before.agreeing + 1 : 1) : 0,
      agreeingFrom: agrees ? before.agreeingFrom : number,
      startedAt: state.startedAt,
      endedAt: state.endedAt ?? state.startedAt,
    }
    let closing = 0
    for (const piece of this.#closing(line)) {
      closing++
      yield this.#batch(pagePosition(number, state.pages, closing), piece)
      await Promise.resolve()
    }
    // A resumed sweep read some pages long ago: it is no evidence, neither for nor against.
    const isWhole = this.#options.after === 0
    if (isWhole) book.recordSweep(line)
    const { pages, records, endedAt, startedAt } = line
    settings.log.info(
      {
        sweep: number,
        pages,
        records,
        changes: this.#changed,
        ms: endedAt - startedAt,
        doubts: state.doubts,
      },
      `source ${settings.name}: swept ${pages} ${pages === 1 ? 'page' : 'pages'}`,
    )
    const ledger = isWhole ? [{ key: 'sweep', value: { ...line } }] : []
    yield this.#batch(pagePosition(number + 1, 0), { ledger })
    return verdict
  }

  *#closing(line: SweepLine): Generator<Closing> {
    const { book, settings, schema } = this.#options
    if (line.agreeing === 0) return
    yield* noteMissing(book, { sweep: line.number, pages: line.pages })
    if (line.agreeing < settings.confirmSweeps) return
    const ids = confirmedMissing(book, line)
    refuseMassDeletion(book, { name: settings.name, ids, maxShare: settings.maxDeletedShare })
    yield* deleteMissing(book, { ids, stream: settings.stream, schema })
  }

  #refuseEndless(): void {
    const { settings } = this.#options
    if (this.#state.next <= settings.maxPages) return
    throw new OperatorError({
      code: 'pages-without-end',
      area: 'server',
      message: `source ${settings.name}: after ${settings.maxPages} pages there is still no end`,
      hint: 'If the API really has more pages, raise maxPages.',
    })
  }
}
