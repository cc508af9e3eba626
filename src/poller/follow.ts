import type { ChangeBatch } from '../changes/change-batch.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import { StoppingError } from '../runtime/errors.ts'
import { collectYoung } from '../runtime/memory.ts'
import type { Agenda } from './agenda.ts'
import { fetchPage } from './fetch-page.ts'
import { isAddressable } from './paging.ts'
import { PagePosition } from './position.ts'
import type { RequestGate } from './request-gate.ts'
import type { RevisitPlan } from './revisit-plan.ts'
import type { SweepContext } from './sweep-context.ts'
import type { SweepSeries } from './sweep-series.ts'
import { nextTurn } from './turn.ts'

/** A resync or a comparison that the API does not let end goes on with the schedule after so many series of sweeps. */
const maxHurriedSeries = 5

/** Where the ledger keeps the rates at which records change. */
export const ratesKey = 'rates'

/** Lines of unchanged pages that one batch carries at most. */
const linesPerBatch = 64

export interface FollowOptions {
  readonly series: SweepSeries
  readonly plan: RevisitPlan
  readonly gate: RequestGate
  readonly agenda: Agenda
  readonly onState: (state: 'sweeping' | 'probing' | 'waiting') => void
}

/** Sweeps when it is time and reads single pages in between, as far as the budget goes, until the signal. */
export async function* follow(context: SweepContext, options: FollowOptions): AsyncGenerator<ChangeBatch> {
  const { book, settings, signal, audits } = context
  const { series, plan, gate, agenda, onState } = options
  const probes = new Probes(context, options)
  let isTold = false
  for (let hurried = 0; ;) {
    if (signal.aborted) throw new StoppingError()
    if (agenda.takeResync()) hurried = maxHurriedSeries
    // Another one that is open ends first, if it can.
    if (agenda.wantsResync && (book.source.resyncSince === null || book.source.isRefused)) {
      series.beginResync()
      agenda.resyncBegun(book.source.epoch)
      hurried = maxHurriedSeries
    }
    if (agenda.takeAudit()) hurried = maxHurriedSeries
    const turn = nextTurn(plan, {
      now: settings.clock.now(),
      sweep: agenda.takeSweep() || hurried > 0,
      isAddressable: isAddressable(settings.page),
      gateMs: gate.waitMsOf(context.client.base.host),
    })
    switch (turn.kind) {
      case 'sweep': {
        onState('sweeping')
        yield* probes.flush()
        yield* series.untilStable()
        agenda.done()
        const isOpen = book.source.resyncSince !== null || agenda.wantsResync || audits.areAsked
        hurried = isOpen && !book.source.isRefused ? Math.max(0, hurried - 1) : 0
        const at = settings.clock.now()
        plan.noteSweep(book.lastSweep?.pages ?? 0, at)
        plan.noteSweepPace(paceOf(context))
        probes.say({ key: ratesKey, value: plan.rates.stored(at) })
        if (plan.isBoundOutOfReach && !isTold) warnOfBound(context, plan)
        isTold = plan.isBoundOutOfReach
        break
      }
      case 'read':
        onState('probing')
        yield* probes.read(turn.page)
        break
      case 'wait':
        onState('waiting')
        if (turn.idle) yield* probes.flush()
        await agenda.wait((stop) => sleepFor(settings.clock, turn.ms, stop), signal)
        break
      default:
        turn satisfies never
    }
  }
}

/** Timers end after 24 days. */
const longestSleepMs = 2 ** 31 - 1

function sleepFor(clock: SweepContext['settings']['clock'], ms: number, signal: AbortSignal): Promise<void> {
  return clock.sleep(Math.min(ms, longestSleepMs), signal)
}

/** Pages that are read by themselves between sweeps. */
class Probes {
  readonly #context: SweepContext
  readonly #options: FollowOptions
  #sweep = 0
  #count = 0
  #unsaid: LedgerEntry[] = []
  #hadBody = false

  constructor(context: SweepContext, options: FollowOptions) {
    this.#context = context
    this.#options = options
  }

  /** With the next batch. */
  say(line: LedgerEntry): void {
    this.#unsaid.push(line)
  }

  /** What is not said yet. */
  *flush(): Generator<ChangeBatch> {
    if (this.#unsaid.length > 0) yield this.#batch([], [])
  }

  async *read(page: number): AsyncGenerator<ChangeBatch> {
    const { book, settings, signal, onRead } = this.#context
    const { plan, agenda } = this.#options
    // The page before is dead by now, but for what differed. Left to itself, every twentieth page that differs met a
    // full collection, and what had changed on it waited 30 to 80 ms longer.
    if (this.#hadBody) collectYoung()
    const hint = { size: await book.firstSize(), next: null }
    const askedAt = settings.clock.now()
    const fetched = await fetchPage(this.#context, { page, hint, signal, mayBeMissing: true })
    const readAt = settings.clock.now()
    this.#hadBody = fetched?.hadBody === true
    plan.noteReadPace(readAt - askedAt)
    const total = fetched?.content?.total
    // Where pages come or go it takes a sweep to say what that means.
    if (total !== undefined && total !== fetched?.before?.total) void agenda.sweep()
    const count = fetched?.known?.count ?? fetched?.content?.records.length ?? 0
    if (fetched === null || count === 0) {
      plan.note(page, readAt)
      return
    }
    const { sweep, probe } = this.#next()
    const outcome =
      fetched.known === null
        ? await book.take(page, { ...fetched, sweep, probe, readAt })
        : book.takeUnchanged(page, fetched.known, readAt)
    onRead(page, outcome, fetched.before)
    this.#unsaid.push(...outcome.ledger)
    await book.ledger.settle()
    if (fetched.known === null) yield this.#batch(outcome.changes, outcome.rejected)
    else if (this.#unsaid.length >= linesPerBatch) yield* this.flush()
  }

  #batch(changes: ChangeBatch['changes'], rejected: ChangeBatch['rejected']): ChangeBatch {
    const { sweep, probe } = this.#next()
    this.#count = probe
    const position = new PagePosition({ sweep, page: 0, probe })
    return this.#context.chain.next(position, { changes, rejected, ledger: this.#unsaid.splice(0) })
  }

  /** Counted anew after each sweep; after a restart behind those that are committed. */
  #next(): { readonly sweep: number; readonly probe: number } {
    const { number, probe } = this.#options.series.place
    if (number !== this.#sweep) [this.#sweep, this.#count] = [number, probe]
    return { sweep: number, probe: this.#count + 1 }
  }
}

/** How fast the last sweep was. By itself a page takes as much longer as there were requests at a time. */
function paceOf({ book, settings }: SweepContext): { sweepMs: number; readMs: number } {
  const { startedAt = 0, endedAt = 0, pages = 0 } = book.lastSweep ?? {}
  const sweepMs = (endedAt - startedAt) / Math.max(1, pages)
  return { sweepMs, readMs: isAddressable(settings.page) ? sweepMs * settings.concurrency : 0 }
}

function warnOfBound({ settings }: SweepContext, plan: RevisitPlan): void {
  const { name, log, maxStalenessMs, requestsPerMinute } = settings
  log.warn(
    { pages: plan.pages, maxStalenessMs, requestsPerMinute },
    `source ${name}: ${plan.pages} pages cannot all be read within maxStaleness with so few requests a minute, or so slow answers; they are read one after another`,
  )
}
