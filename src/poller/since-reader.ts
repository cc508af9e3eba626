import type { ChangeBatch } from '../changes/change-batch.ts'
import type { OpenOptions, SourceProgress, SourceStatus } from '../changes/source.ts'
import { StoppingError } from '../runtime/errors.ts'
import { Agenda } from './agenda.ts'
import { BatchChain } from './batch-chain.ts'
import type { PageClient } from './page-client.ts'
import type { PageSchema } from './page-schema.ts'
import { defaultDriftShare } from './page-shape.ts'
import { scheduleOf } from './schedule.ts'
import { ShapeBook } from './shape-book.ts'
import { sincePositionFormat } from './since-position.ts'
import { SinceRounds, type SinceContext } from './since-rounds.ts'
import type { SinceSettings } from './since-settings.ts'
import { SourceBook } from './source-book.ts'
import { WorkingLedger } from './working-ledger.ts'

export interface SinceReaderOptions {
  readonly settings: SinceContext['settings']
  readonly since: SinceSettings
  readonly schema: PageSchema
  readonly client: PageClient
}

/** Reads an API that lists what changed since a time: once, or whenever its schedule says so. */
export class SinceReader {
  readonly position = sincePositionFormat
  readonly #options: SinceReaderOptions
  readonly #agenda = new Agenda()
  #progress: SourceProgress = { phase: 'pages', done: 0, total: null }
  #state = 'connecting'
  #loaded = false

  constructor(options: SinceReaderOptions) {
    this.#options = options
  }

  progress(): readonly SourceProgress[] {
    return [this.#progress]
  }

  status(): SourceStatus {
    return {
      state: this.#state,
      loaded: this.#loaded,
      heardAt: this.#options.client.heardAt,
      headroomMs: null,
      stopped: new Map(),
    }
  }

  resync(): void {
    this.#agenda.resync()
  }

  /** Such an API tells of deletions itself, or not at all. */
  pendingDeletions(): number {
    return 0
  }

  async *open({ after, ledger, signal }: OpenOptions): AsyncGenerator<ChangeBatch, void> {
    const { settings, schema } = this.#options
    const opening = [{ kind: 'schema', stream: settings.stream, columns: schema.columns } as const]
    const working = new WorkingLedger(ledger)
    const source = await SourceBook.load(ledger, schema.fingerprint)
    const { name, log, drift } = settings
    const maxDriftShare = drift?.maxShare ?? defaultDriftShare
    const context: SinceContext = {
      ...this.#options,
      ...{ signal, ledger: working, chain: new BatchChain({ after, ledger: working, opening }) },
      source,
      shape: await ShapeBook.load(ledger, { name, schema, log, maxDriftShare }),
      onPage: (page, total) => {
        this.#progress = { phase: 'pages', done: page, total: total ?? page }
      },
    }
    const rounds = await SinceRounds.resume(context, after)
    // What was read to the end before needs no first reading.
    this.#loaded = after !== null && sincePositionFormat.parse(after).since !== settings.since?.from
    yield* rounds.untilUpToDate()
    this.#loaded = true
    this.#agenda.opened(source.epoch)
    if (settings.follow === true) yield* this.#follow(rounds, { source, signal })
  }

  async *#follow(
    rounds: SinceRounds,
    { source, signal }: Pick<SinceContext, 'source' | 'signal'>,
  ): AsyncGenerator<ChangeBatch> {
    const agenda = this.#agenda
    const { clock } = this.#options.settings
    agenda.takeSweep()
    const stop = scheduleOf(this.#options.settings, () => agenda.sweep())
    try {
      for (;;) {
        if (signal.aborted) throw new StoppingError()
        this.#state = 'sweeping'
        const isResync = agenda.takeResync()
        if (isResync) {
          rounds.beginResync()
          agenda.resyncBegun(source.epoch)
        }
        if (agenda.takeSweep() || isResync) yield* rounds.untilUpToDate()
        agenda.done()
        this.#state = 'waiting'
        await agenda.wait((until) => clock.sleep(longestSleepMs, until), signal)
      }
    } finally {
      stop()
      agenda.done()
      this.#state = 'connecting'
    }
  }
}

/** Timers end after 24 days. */
const longestSleepMs = 2 ** 31 - 1
