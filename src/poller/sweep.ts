import { createHash } from 'node:crypto'
import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Change } from '../changes/change.ts'
import { OperatorError, StoppingError } from '../runtime/errors.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import { deleteAbsent, dropPages, findLeavers, refuseMassDeletion, type Closing } from './absence.ts'
import type { BatchChain, BatchDraft } from './batch-chain.ts'
import type { HttpSourceOptions } from './options.ts'
import { vectorOfPage, type PageBook } from './page-book.ts'
import type { PageClient } from './page-client.ts'
import type { PageRead, SweepLine } from './page-line.ts'
import type { PageContent, PageSchema } from './page-schema.ts'
import {
  beginSweep,
  judgePage,
  judgeSweep,
  wantedPages,
  type SweepState,
  type Verdict,
} from './page-state.ts'
import { pagePosition, type PagePosition } from './position.ts'
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
  /** Lines that its first batch carries. */
  readonly begun: readonly LedgerEntry[]
  readonly signal: AbortSignal
  /** A first page that was just read. */
  readonly firstPage: Buffer | null
  readonly onPage: (state: SweepState) => void
}

/** A page as it arrived. When its body is the one that the ledger knows, it comes as it was last read. */
type Fetched =
  | { readonly known: PageRead; readonly content: null; readonly bytes: number }
  | { readonly known: null; readonly content: PageContent; readonly bytes: number; readonly hash: string }

/** Bytes of a parsed record for each of its body. */
const parsedWeight = 6

/** Unchanged pages in one batch: they bring nothing but the times at which they were read. */
const unchangedPerBatch = 64

/** One pass over the pages: a batch for each, then the bookkeeping of its end. */
export class Sweep {
  readonly #options: SweepOptions
  readonly #stop = new AbortController()
  #state: SweepState
  /** The last page as it was when the sweep began; its ids are null if that could not be learned. */
  #lastPage: { readonly page: number; readonly vector: Promise<string | null> } | null = null
  /** Lines that no batch carries yet. */
  readonly #unsaid: LedgerEntry[] = []
  #records = 0
  #changed = 0

  constructor(options: SweepOptions) {
    this.#options = options
    this.#unsaid.push(...options.begun)
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
      sizeOf: (fetched) => (fetched?.content == null ? 0 : fetched.bytes * parsedWeight),
    })
    try {
      this.#unsaid.push(...(await book.beginSweep(after)))
      while (!this.#state.ended) {
        this.#refuseEndless()
        ahead.ask(wantedPages(this.#state, { asked: ahead.asked, ahead: concurrency * 2 }))
        const page = this.#state.next
        const fetched = await ahead.take(page)
        const outcome = await this.#judge(page, fetched, await this.#hasMoved(page, fetched))
        if (signal.aborted) throw new StoppingError()
        this.#lookAtLastPage()
        if (outcome === null) continue
        this.#options.onPage(this.#state)
        await book.ledger.settle()
        const { ledger = [], ...found } = outcome
        this.#unsaid.push(...ledger)
        const isWorthIt = found.changes !== undefined || this.#unsaid.length >= unchangedPerBatch
        if (isWorthIt) yield this.#batch(pagePosition(this.#options.number, page), found)
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
    const known = await book.read(page)
    const read = (body: Buffer): Fetched => {
      const hash = createHash('sha256').update(body).digest('base64').slice(0, 22)
      if (known?.hash === hash && known.edition === book.edition) return { known, content: null, bytes: 0 }
      return { known: null, content: schema.read(body), bytes: body.length, hash }
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

  /** Decides about the page; null when it is past the end. Without changes the page is as it was. */
  async #judge(page: number, fetched: Fetched | null, moved: boolean): Promise<BatchDraft | null> {
    const { book, settings, number } = this.#options
    const seen = fetched?.known ?? fetched?.content ?? null
    const facts = seen === null ? { count: 0, fresh: 0, repeatOf: null } : await book.inspect(page, seen)
    const at = settings.clock.now()
    const step = judgePage(this.#state, {
      page,
      total: seen?.total ?? null,
      moved,
      notFound: seen === null,
      at,
      ...facts,
    })
    this.#state = step.state
    if (step.kind === 'leave' || fetched === null) return null
    this.#records += facts.count
    if (fetched.known !== null) return { ledger: [book.takeUnchanged(page, fetched.known, at)] }
    return book.take(page, { content: fetched.content, hash: fetched.hash, sweep: number, readAt: at })
  }

  /** A batch with all that was not said yet. */
  #batch(position: PagePosition, { ledger = [], ...draft }: BatchDraft): ChangeBatch {
    this.#changed += draft.changes?.length ?? 0
    return this.#options.chain.next(position, { ...draft, ledger: [...this.#unsaid.splice(0), ...ledger] })
  }

  async *#end(): AsyncGenerator<ChangeBatch, Verdict> {
    const { book, number } = this.#options
    const state = this.#state
    const vector = book.vector()
    const before = book.lastSweep
    const verdict = judgeSweep(state, { sameVector: before?.vector === vector })
    const agrees = verdict.provesAbsence && before !== null && before.agreeing > 0 && before.vector === vector
    const ended: Omit<SweepLine, 'pending'> = {
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
    const closing = this.#closing(ended)
    let pieces = 0
    let piece = await closing.next()
    for (; piece.done !== true; piece = await closing.next()) {
      pieces++
      await book.ledger.settle()
      yield this.#batch(pagePosition(number, state.pages, pieces), piece.value)
    }
    book.forgetLines()
    const line = { ...ended, pending: piece.value }
    const changes = this.#endResync(line)
    // A resumed sweep read some pages long ago: it is no evidence, neither for nor against.
    const isWhole = this.#options.after === 0
    const ledger = isWhole ? [book.recordSweep(line)] : []
    this.#report(line)
    if (changes.length > 0) ledger.push(book.endResync())
    yield this.#batch(pagePosition(number + 1, 0), { changes, ledger })
    return verdict
  }

  #report({ number, pages, startedAt, endedAt }: SweepLine): void {
    const { log, name } = this.#options.settings
    const { doubts } = this.#state
    log.info(
      {
        sweep: number,
        pages,
        records: this.#records,
        changes: this.#changed,
        ms: endedAt - startedAt,
        doubts,
      },
      `source ${name}: swept ${pages} ${pages === 1 ? 'page' : 'pages'}`,
    )
  }

  /** Returns how many records are on no page any more and yet not deleted. */
  async *#closing(line: Omit<SweepLine, 'pending'>): AsyncGenerator<Closing, number> {
    const { book, settings, schema } = this.#options
    const { name, stream, maxDeletedShare: maxShare } = settings
    if (line.agreeing > 0) yield* dropPages(book, { sweep: line.number, pages: line.pages })
    const absent = yield* findLeavers(book, { stream, retracts: line.stable })
    if (line.agreeing < settings.confirmSweeps || absent.deletable === 0) return absent.records
    refuseMassDeletion({ name, gone: absent.deletable, known: book.known + absent.records, maxShare })
    yield* deleteAbsent(book, { newestNameless: absent.newestNameless, stream, schema })
    return absent.records - absent.deletable
  }

  /** Once sweeps that lie wholly within the resync agree, what they did not see is gone. */
  #endResync({ agreeing, agreeingFrom }: SweepLine): Change[] {
    const { book, settings } = this.#options
    const { resyncSince } = book
    if (resyncSince === null || agreeing < settings.confirmSweeps || agreeingFrom < resyncSince) return []
    return [{ kind: 'resync-end', stream: settings.stream }]
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
