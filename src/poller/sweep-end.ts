import type { Change } from '../changes/change.ts'
import type { Vanished } from '../changes/change-batch.ts'
import { massDisappearance, refusedKey } from '../changes/mass-disappearance.ts'
import { deleteAbsent, dropPages, findLeavers, type Absent, type Closing } from './absence.ts'
import type { SweepLine } from './page-line.ts'
import type { SweepState } from './sweep-state.ts'
import type { SweepContext } from './sweep-context.ts'
import { judgeSweep, type Verdict } from './sweep-verdict.ts'

export interface SweepEnd {
  readonly line: SweepLine
  /** What the batch brings that ends the sweep. */
  readonly last: Closing & { readonly vanished?: Vanished }
  readonly verdict: Verdict
}

/** What a sweep proves: the pages that are no more, what stands on no page, and what may be deleted, in bounded pieces. */
export async function* endSweep(
  context: SweepContext,
  {
    state,
    number,
    records,
    isWhole,
  }: { state: SweepState; number: number; records: number; isWhole: boolean },
): AsyncGenerator<Closing, SweepEnd> {
  const { book, settings } = context
  const vector = book.vector()
  const before = book.lastSweep
  const verdict = judgeSweep(state, { sameVector: before?.vector === vector })
  const agrees = verdict.provesAbsence && before !== null && before.agreeing > 0 && before.vector === vector
  const { pages, startedAt } = state
  const ended: Omit<SweepLine, 'pending' | 'extent' | 'whole'> = {
    ...{ number, pages, records, vector, stable: verdict.stable },
    complete: true,
    agreeing: verdict.provesAbsence ? (agrees ? before.agreeing + 1 : 1) : 0,
    startedAt,
    endedAt: state.end?.at ?? startedAt,
  }
  if (ended.agreeing > 0) yield* dropPages(book, { sweep: number, pages })
  const absent = yield* findLeavers(book, { stream: settings.stream, retracts: verdict.stable })
  const known = book.known + absent.records
  const whole = before === null ? known : (before.whole ?? before.records + before.pending)
  const { pending, vanished } = yield* deleteAgreed(context, { agreeing: ended.agreeing, absent, whole })
  if (vanished !== null) book.source.isRefused = vanished.refusal !== null
  book.forgetLines()
  const isSettled = ended.agreeing > 0 && pending === 0
  const extent = isSettled ? pages : Math.max(pages, before?.extent ?? before?.pages ?? 0)
  const isAllKnown = isSettled || vanished?.refusal === null
  const line = { ...ended, pending, extent, whole: isAllKnown ? book.known + pending : whole }
  const isOver = vanished?.refusal === null && (await isResyncing(context))
  const { stream, maxDeletedShare } = settings
  const changes: Change[] = isOver ? [{ kind: 'resync-end', stream, maxDeletedShare }] : []
  const ledger = [
    ...(isWhole ? [book.recordSweep(line)] : []),
    ...(isWhole && isComplete(state, { verdict, isAgain: before?.vector === vector })
      ? book.shape.complete()
      : []),
    ...(isOver ? [book.source.endResync()] : []),
  ]
  return { line, last: { changes, ledger, ...(vanished === null ? {} : { vanished }) }, verdict }
}

/** Whether it has read everything: where a page is not there, only if it was so in the sweep before, too. */
function isComplete(
  { end }: SweepState,
  { verdict, isAgain }: { verdict: Verdict; isAgain: boolean },
): boolean {
  return verdict.stable && (end?.kind !== 'not-found' || isAgain)
}

/** Returns how many records are on no page any more and yet not deleted; null: the sweeps do not agree on them yet. */
async function* deleteAgreed(
  { book, settings, schema }: SweepContext,
  { agreeing, absent, whole }: { agreeing: number; absent: Absent; whole: number },
): AsyncGenerator<Closing, { pending: number; vanished: Vanished | null }> {
  const { name, stream, confirmSweeps, maxDeletedShare: maxShare } = settings
  const { records, deletable: gone, newestNameless } = absent
  if (agreeing < confirmSweeps) return { pending: records, vanished: null }
  // Of those that were there before: many that come would else hide that many go.
  const refusal = massDisappearance({ name, gone, known: Math.max(gone, whole), maxShare })
  if (refusal !== null) return { pending: records, vanished: { stream, refusal } }
  if (gone > 0) yield* deleteAbsent(book, { newestNameless, stream, schema })
  return { pending: records - gone, vanished: { stream, refusal } }
}

/**
 * Whether a resync is open, or was ended and the commit refused that. Sweeps that agree have read every page since it
 * began: what they did not see is gone.
 */
async function isResyncing({ book, settings }: SweepContext): Promise<boolean> {
  return (
    book.source.resyncSince !== null || (await book.ledger.get(refusedKey(settings.stream))) !== undefined
  )
}
