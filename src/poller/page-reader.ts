import type { ChangeBatch } from '../changes/change-batch.ts'
import type { OpenOptions, SourceProgress, SourceStatus } from '../changes/source.ts'
import { Agenda } from './agenda.ts'
import { BatchChain } from './batch-chain.ts'
import { ChangeRates } from './change-rates.ts'
import { follow, ratesKey } from './follow.ts'
import { PageAudits } from './page-audit.ts'
import { PageBook } from './page-book.ts'
import type { PageAnswer, PageClient } from './page-client.ts'
import type { PageSchema } from './page-schema.ts'
import { pagePositionFormat } from './position.ts'
import type { RequestGate } from './request-gate.ts'
import { RevisitPlan } from './revisit-plan.ts'
import { scheduleOf } from './schedule.ts'
import { defaultDriftShare } from './page-shape.ts'
import type { SweepContext, SweepSettings } from './sweep-context.ts'
import { SweepSeries } from './sweep-series.ts'

export interface PageReaderOptions {
  readonly settings: SweepSettings
  readonly schema: PageSchema
  readonly client: PageClient
  readonly gate: RequestGate
  /** A first page that was just read, once. */
  readonly takeFirstPage: () => PageAnswer | null
}

/** Reads an API that lists all its records in pages: until a sweep can be trusted, or for ever. */
export class PageReader {
  readonly position = pagePositionFormat
  readonly #settings: SweepSettings
  readonly #options: PageReaderOptions
  readonly #agenda = new Agenda()
  readonly #audits = new PageAudits()
  #progress: SourceProgress = { phase: 'pages', done: 0, total: null }
  #state = 'connecting'
  #book: PageBook | null = null
  #plan: RevisitPlan | null = null

  constructor(options: PageReaderOptions) {
    this.#options = options
    this.#settings = options.settings
  }

  progress(): readonly SourceProgress[] {
    return [this.#progress]
  }

  status(): SourceStatus {
    return {
      state: this.#state,
      loaded: this.#book?.lastSweep != null,
      heardAt: this.#options.client.heardAt,
      headroomMs: null,
      stopped: new Map(),
      staleness: this.#plan?.staleness(this.#settings.clock.now()) ?? null,
    }
  }

  resync(): void {
    this.#agenda.resync()
  }

  audit(): void {
    this.#audits.ask()
    this.#agenda.audit()
  }

  pendingDeletions(): number {
    return this.#book?.lastSweep?.pending ?? 0
  }

  async *open({ after, ledger, signal }: OpenOptions): AsyncGenerator<ChangeBatch, void> {
    const { schema, gate, takeFirstPage } = this.#options
    const { name, stream, log, drift } = this.#settings
    try {
      const book = await PageBook.load(ledger, {
        ...{ schema, name, stream, log },
        maxDriftShare: drift?.maxShare ?? defaultDriftShare,
      })
      this.#book = book
      this.#agenda.opened(book.source.epoch)
      const opening = [{ kind: 'schema', stream, columns: schema.columns } as const]
      const chain = new BatchChain({ after, ledger: book.ledger, opening })
      const plan = new RevisitPlan(ChangeRates.parse(await ledger.get(ratesKey)), {
        maxStalenessMs: this.#settings.maxStalenessMs ?? null,
        spacingMs: gate.spacingMs,
      })
      this.#plan = plan
      const context = this.#context({ book, chain, plan, signal })
      const series = await SweepSeries.resume(context, { after, takeFirstPage })
      // Another source may have filled the stream, under another name in the configuration for instance.
      if (after === null) series.beginResync()
      if (this.#settings.follow === true) yield* this.#follow(context, { series, plan })
      else yield* series.untilStable()
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
    const stop = scheduleOf(this.#settings, sweep)
    // What happened while nobody followed is read at once.
    void sweep()
    try {
      const onState = (state: string): void => {
        this.#state = state
      }
      yield* follow(context, { series, plan, gate: this.#options.gate, agenda, onState })
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
    const { settings, schema, client } = this.#options
    return {
      ...{ settings, schema, client, book, chain, signal, audits: this.#audits },
      onPage: (state) => {
        this.#progress = { phase: 'pages', done: state.pages, total: state.greatestTotal }
      },
      onRead: (page, { read: { readAt }, changes }, before) => {
        const isSame = before?.edition === book.edition
        plan.noteRead(page, { changes: changes.length, before: isSame ? before.readAt : null, now: readAt })
      },
    }
  }

  #warnOfPending(): void {
    const pending = this.pendingDeletions()
    if (pending === 0) return
    this.#settings.log.warn(
      { pending },
      `source ${this.#settings.name}: ${pending === 1 ? '1 record was' : `${pending} records were`} not seen any more; another sweep that confirms it deletes ${pending === 1 ? 'it' : 'them'}`,
    )
  }
}
