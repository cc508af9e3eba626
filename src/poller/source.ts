import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Defect, OpenOptions, Source, SourceProgress, SourceStatus } from '../changes/source.ts'
import { OperatorError, StoppingError, SynclineError } from '../runtime/errors.ts'
import { BatchChain } from './batch-chain.ts'
import { ChangeRates } from './change-rates.ts'
import { Agenda, follow, ratesKey } from './follow.ts'
import type { HttpSourceOptions } from './options.ts'
import { PageBook } from './page-book.ts'
import { PageClient, type PageAnswer } from './page-client.ts'
import { compilePageSchema, type PageContent, type PageSchema } from './page-schema.ts'
import { pagePositionFormat } from './position.ts'
import { RequestGate } from './request-gate.ts'
import { RevisitPlan } from './revisit-plan.ts'
import { startSchedule } from './schedule.ts'
import { SweepSeries } from './sweep-series.ts'
import type { SweepContext, SweepSettings } from './sweep-context.ts'

export type { HttpColumn, HttpSourceOptions } from './options.ts'

/** A paged HTTP API as a source of changes. */
export interface HttpSource extends Source {
  /** Records that the last trustworthy sweep lacked and that another one must lack too before they are deleted. */
  pendingDeletions(): number
}

/**
 * Reads all pages; `open()` ends after a sweep that can be trusted, or goes on for ever with `follow`. Contradicting
 * options are an `OperatorError` at once.
 */
export function createHttpSource(options: HttpSourceOptions): HttpSource {
  return new PagedSource(options)
}

const defaults = {
  readAheadBytes: 16 * 2 ** 20,
  confirmSweeps: 2,
  maxDeletedShare: 0.2,
  maxPages: 1_000_000,
}

const everyFiveMinutes = '*/5 * * * *'

/** Longer waits than this are left to whoever opens the source again. */
const longestWaitMs = 120_000

/** How long a first page that the preflight read may begin a sweep: no page is asked for twice. */
const preflightMs = 60_000

class PagedSource implements HttpSource {
  readonly name: string
  readonly streams: readonly string[]
  readonly position = pagePositionFormat
  readonly #settings: SweepSettings
  readonly #schema: PageSchema
  readonly #client: PageClient
  readonly #gate: RequestGate
  readonly #agenda = new Agenda()
  #progress: SourceProgress = { phase: 'pages', done: 0, total: null }
  #state = 'connecting'
  #stopped: ReadonlyMap<string, string> = new Map()
  #book: PageBook | null = null
  #firstPage: { readonly answer: PageAnswer; readonly at: number } | null = null

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
    const { clock, requestsPerMinute = null, maxRetryAfterMs: maxWaitMs = longestWaitMs } = options
    this.#gate = new RequestGate({ clock, requestsPerMinute, maxWaitMs })
    this.#client = new PageClient(options, this.#gate)
  }

  progress(): readonly SourceProgress[] {
    return [this.#progress]
  }

  status(): SourceStatus {
    return {
      state: this.#state,
      loaded: this.#book?.lastSweep != null,
      heardAt: this.#client.heardAt,
      headroomMs: null,
      stopped: this.#stopped,
    }
  }

  resync(): void {
    this.#agenda.resync()
  }

  pendingDeletions(): number {
    return this.#book?.lastSweep?.pending ?? 0
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async preflight(signal: AbortSignal): Promise<readonly Defect[]> {
    try {
      const read = (answer: PageAnswer): { answer: PageAnswer; content: PageContent } => ({
        answer,
        content: this.#schema.read(answer.body),
      })
      const hint = { size: null, next: null }
      const page = await this.#client.fetchPage({
        ...{ page: 1, hint, read, known: null, signal },
        mayBeMissing: false,
      })
      if (page === null) return []
      this.#firstPage = { answer: page.answer, at: this.#settings.clock.now() }
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
    const { stream, log } = this.#settings
    try {
      const book = await PageBook.load(ledger, this.#schema, stream)
      this.#book = book
      const opening = [{ kind: 'schema', stream, columns: this.#schema.columns } as const]
      const chain = new BatchChain({ after, ledger: book.ledger, opening })
      const plan = new RevisitPlan(ChangeRates.parse(await ledger.get(ratesKey)), {
        maxStalenessMs: this.#settings.maxStalenessMs ?? null,
        spacingMs: this.#gate.spacingMs,
      })
      const context = this.#context({ book, chain, plan, signal })
      const takeFirstPage = (): PageAnswer | null => this.#takeFirstPage()
      const series = await SweepSeries.resume(context, { after, takeFirstPage })
      // Another source may have filled the stream, under another name in the configuration for instance.
      if (after === null) series.beginResync()
      if (this.#settings.follow === true) yield* this.#follow(context, { series, plan })
      else yield* series.untilStable()
    } catch (error) {
      // It may have been aborted since it was looked at above.
      if (!(signal as { readonly aborted: boolean }).aborted) throw error
      log.debug({ source: this.name }, 'stopped')
    } finally {
      this.#warnOfPending()
    }
  }

  async *#follow(
    context: SweepContext,
    { series, plan }: { series: SweepSeries; plan: RevisitPlan },
  ): AsyncGenerator<ChangeBatch> {
    const agenda = this.#agenda
    const sweep = (): Promise<void> => agenda.sweep()
    const { schedule = everyFiveMinutes, jitterMs = 0, log, startSchedule: start } = this.#settings
    const stop =
      start?.(() => void sweep()) ??
      startSchedule({ name: this.name, expression: schedule, jitterMs, onTick: sweep, log })
    // What happened while nobody followed is read at once.
    void sweep()
    try {
      const onState = (state: string): void => {
        this.#state = state
      }
      yield* follow(context, { series, plan, gate: this.#gate, agenda, onState })
    } finally {
      stop()
      agenda.done()
      this.#state = 'connecting'
    }
  }

  #context({
    book,
    chain,
    plan,
    signal,
  }: Pick<SweepContext, 'book' | 'chain' | 'signal'> & { plan: RevisitPlan }): SweepContext {
    const settings = this.#settings
    return {
      ...{ settings, schema: this.#schema, client: this.#client, book, chain, signal },
      onPage: (state) => {
        this.#progress = { phase: 'pages', done: state.pages, total: state.greatestTotal }
      },
      onRead: (page, { read: { readAt }, changes }, before) => {
        plan.note(page, readAt)
        if (before?.edition !== book.edition) return
        const elapsedMs = Math.max(0, readAt - before.readAt)
        plan.rates.note(page, { changes: changes.length, elapsedMs, now: readAt })
      },
      onMassDisappearance: (error) => {
        this.#onMassDisappearance(error)
      },
    }
  }

  /** Whoever follows goes on without deleting until somebody has decided; a single sweep ends with the question. */
  #onMassDisappearance(error: OperatorError | null): void {
    const { follow, stream, log } = this.#settings
    if (error === null) {
      this.#stopped = new Map()
      return
    }
    if (follow !== true) throw error
    const isNew = this.#stopped.get(stream) !== error.message
    this.#stopped = new Map([[stream, error.message]])
    if (isNew) log.error({ code: error.code, hint: error.hint }, error.message)
  }

  #takeFirstPage(): PageAnswer | null {
    const page = this.#firstPage
    this.#firstPage = null
    return page !== null && this.#settings.clock.now() - page.at < preflightMs ? page.answer : null
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
