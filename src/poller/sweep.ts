import type { ChangeBatch } from '../changes/change-batch.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import { StoppingError, SynclineError } from '../runtime/errors.ts'
import type { BatchDraft } from './batch-chain.ts'
import type { Audit } from '../changes/change-batch.ts'
import { fetchPage, type Fetched } from './fetch-page.ts'
import type { PageAudit } from './page-audit.ts'
import { refuseEndless } from './list-end.ts'
import { vectorOfPage, type PageOutcome } from './page-book.ts'
import type { PageAnswer } from './page-client.ts'
import { judgePage, wantedPages } from './page-state.ts'
import { beginSweep, type SweepState } from './sweep-state.ts'
import { checkNext, isAddressable } from './paging.ts'
import { PagePosition } from './position.ts'
import { ReadAhead } from './read-ahead.ts'
import type { SweepContext } from './sweep-context.ts'
import { endSweep } from './sweep-end.ts'
import type { Verdict } from './sweep-verdict.ts'

export interface SweepOptions {
  readonly number: number
  /** The last page that this sweep took in before a restart, and where the one after it is. */
  readonly after: number
  /** Records on the first page, if it was among them. */
  readonly size: number | null
  readonly next: string | null
  /** Lines that its first batch carries. */
  readonly begun: readonly LedgerEntry[]
  /** A first page that was just read. */
  readonly firstPage: PageAnswer | null
}

/** Bytes of a parsed record for each of its body. */
const parsedWeight = 6

/** Unchanged pages in one batch, if they come fast: they bring nothing but the times at which they were read. */
const unchangedPerBatch = 64

/** What was read so long ago is committed, so that a sweep that takes long goes on after a crash instead of beginning anew. */
const unsaidMs = 1_000

/** One pass over the pages: a batch for each that changed, then the bookkeeping of its end. */
export class Sweep {
  readonly #context: SweepContext
  readonly #options: SweepOptions
  readonly #stop = new AbortController()
  /** Null unless somebody asked for a comparison before this sweep began. */
  readonly #audit: PageAudit | null
  #state: SweepState
  /** The last page as it was when the sweep began; its ids are null if that could not be learned. */
  #lastPage: { readonly page: number; readonly vector: Promise<string | null> } | null = null
  /** Lines that no batch carries yet. */
  readonly #unsaid: LedgerEntry[] = []
  #saidAt: number
  /** Where the next page is, if only the page before it tells. */
  #next: string | null
  /** It is a link of an earlier sweep: what it leads to may be gone. */
  #isRecalled = false
  #isUnreachable = false
  #records = 0
  #changed = 0

  constructor(context: SweepContext, options: SweepOptions) {
    this.#context = context
    this.#options = options
    this.#unsaid.push(...options.begun)
    this.#next = options.next
    const { page, clock, stream } = context.settings
    this.#audit = options.after === 0 ? context.audits.begin(stream) : null
    const { after, size } = options
    const { lastSweep } = context.book
    const extent = lastSweep?.extent ?? lastSweep?.pages ?? 0
    this.#saidAt = clock.now()
    this.#state = beginSweep({ after, size, at: this.#saidAt, linked: !isAddressable(page), extent })
  }

  async *run(): AsyncGenerator<ChangeBatch, Verdict> {
    const { signal, book, settings } = this.#context
    const abort = (): void => {
      this.#stop.abort()
    }
    signal.addEventListener('abort', abort, { once: true })
    const { concurrency, readAheadBytes } = settings
    const ahead = new ReadAhead<Fetched | null>({
      fetch: (page) => this.#fetch(page),
      concurrency,
      maxBytes: readAheadBytes,
      sizeOf: (fetched) => (fetched === null ? 0 : fetched.bytes * parsedWeight),
    })
    const inFlight = isAddressable(settings.page) ? concurrency * 2 : 1
    try {
      this.#unsaid.push(...(await book.beginSweep(this.#options.after)))
      while (this.#state.end === null) {
        refuseEndless(this.#state.next, settings)
        ahead.ask(wantedPages(this.#state, { asked: ahead.asked, ahead: inFlight }))
        const page = this.#state.next
        const fetched = await ahead.take(page)
        const outcome = await this.#judge(page, fetched, await this.#hasMoved(page, fetched))
        if (signal.aborted) throw new StoppingError()
        this.#lookAtLastPage()
        if (outcome === null) continue
        await book.ledger.settle()
        yield* this.#say(page, outcome, this.#audited(fetched))
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
    const fetched = fetchPage(this.#context, {
      page,
      hint: { size: this.#state.size, next: this.#next, isRecalled: this.#isRecalled },
      signal: this.#stop.signal,
      // Some APIs answer 404 past the end, and the end may come nearer while the sweep goes on.
      mayBeMissing: page > 1,
      whole: this.#audit !== null,
      answer: page === 1 ? this.#options.firstPage : null,
    })
    if (!this.#isRecalled) return fetched
    return fetched.catch((error: unknown) => {
      if (!(error instanceof SynclineError) || error instanceof StoppingError) throw error
      this.#isUnreachable = true
      return null
    })
  }

  /** Only a sweep without a predecessor needs it: others know the ids that they should see. */
  #lookAtLastPage(): void {
    const { book, settings } = this.#context
    const { greatestTotal: page, next } = this.#state
    if (this.#lastPage !== null || book.lastSweep !== null || this.#options.after > 0) return
    if (page === null || page <= next || !isAddressable(settings.page)) return
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
  async #judge(page: number, fetched: Fetched | null, moved: boolean): Promise<PageOutcome | null> {
    const { book, settings, client, onRead } = this.#context
    const seen = fetched?.known ?? fetched?.content ?? null
    const facts = seen === null ? { count: 0, fresh: 0, repeatOf: null } : await book.inspect(page, seen)
    const at = settings.clock.now()
    const told = (fetched?.known ?? fetched?.version)?.next ?? null
    const next = told ?? (facts.count === 0 ? (fetched?.before?.next ?? null) : null)
    const step = judgePage(this.#state, {
      page,
      total: seen?.total ?? null,
      moved,
      notFound: seen === null,
      next: told !== null ? 'told' : next !== null ? 'recalled' : 'none',
      held: (fetched?.before?.count ?? 0) > 0,
      unreachable: this.#isUnreachable,
      at,
      ...facts,
    })
    this.#state = step.state
    this.#next = checkNext(client.base, settings.page, next, settings.name)
    this.#isRecalled = step.state.recalled
    if (step.kind === 'leave' || fetched === null) return null
    this.#records += facts.count
    const { number: sweep } = this.#options
    const outcome =
      fetched.known === null
        ? await book.take(page, { ...fetched, sweep, probe: 0, readAt: at })
        : book.takeUnchanged(page, fetched.known, at)
    book.see(page, outcome.read)
    onRead(page, outcome, fetched.before)
    return outcome
  }

  #audited(fetched: Fetched | null): { readonly audit?: Audit } {
    return this.#audit === null || fetched?.content == null
      ? {}
      : { audit: this.#audit.page(fetched.content) }
  }

  *#say(
    page: number,
    { changes, rejected, ledger }: PageOutcome,
    audited: { readonly audit?: Audit },
  ): Generator<ChangeBatch> {
    this.#context.onPage(this.#state)
    this.#unsaid.push(...ledger)
    const isNews = changes.length + rejected.length > 0 || ledger.length > 1 || 'audit' in audited
    const isDue = this.#context.settings.clock.now() - this.#saidAt >= unsaidMs
    if (!isNews && !isDue && this.#unsaid.length < unchangedPerBatch) return
    const position = new PagePosition({ sweep: this.#options.number, page, next: this.#next })
    yield this.#batch(position, { changes, rejected, ...audited })
  }

  /** A batch with all that was not said yet. */
  #batch(position: PagePosition, { ledger = [], ...draft }: BatchDraft): ChangeBatch {
    this.#changed += draft.changes?.length ?? 0
    this.#saidAt = this.#context.settings.clock.now()
    return this.#context.chain.next(position, { ...draft, ledger: [...this.#unsaid.splice(0), ...ledger] })
  }

  async *#end(): AsyncGenerator<ChangeBatch, Verdict> {
    const { book } = this.#context
    const { number: sweep, after } = this.#options
    const { pages } = this.#state
    const end = endSweep(this.#context, {
      state: this.#state,
      number: sweep,
      records: this.#records,
      // A resumed sweep read some pages long ago: it is no evidence, neither for nor against.
      isWhole: after === 0,
    })
    let closing = 0
    let piece = await end.next()
    for (; piece.done !== true; piece = await end.next()) {
      closing++
      await book.ledger.settle()
      yield this.#batch(new PagePosition({ sweep, page: pages, closing }), piece.value)
    }
    const { line, last, verdict } = piece.value
    this.#report(line.endedAt - line.startedAt)
    const audit = this.#audit?.end(line, this.#context.settings.confirmSweeps) ?? null
    const position = new PagePosition({ sweep: sweep + 1, page: 0 })
    yield this.#batch(position, { ...last, ...(audit === null ? {} : { audit }) })
    return verdict
  }

  #report(ms: number): void {
    const { log, name } = this.#context.settings
    const { doubts, pages } = this.#state
    log.info(
      {
        ...{ sweep: this.#options.number, pages, records: this.#records },
        ...{ changes: this.#changed, ms, doubts },
      },
      `source ${name}: swept ${pages} ${pages === 1 ? 'page' : 'pages'}`,
    )
  }
}
