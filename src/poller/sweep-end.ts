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

type Ended = Omit<SweepLine, 'pending' | 'extent' | 'whole'> & Required<Pick<SweepLine, 'empty'>>

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
  const { empty } = state
  const emptyFor = countEmpty(empty, before)
  const emptyBelieved = emptyFor >= emptySweeps(settings)
  const verdict = judgeSweep(state, { sameVector: before?.vector === vector, emptyBelieved })
  const agrees = verdict.provesAbsence && before !== null && before.agreeing > 0 && before.vector === vector
  const { pages, startedAt } = state
  const ended: Ended = {
    ...{ number, pages, records, vector, stable: verdict.stable, empty, emptyFor },
    complete: true,
    agreeing: verdict.provesAbsence ? (agrees ? before.agreeing + 1 : 1) : 0,
    startedAt,
    endedAt: state.end?.at ?? startedAt,
  }
  if (ended.agreeing > 0) yield* dropPages(book, { sweep: number, pages })
  const absent = yield* findLeavers(book, { stream: settings.stream, retracts: verdict.stable, empty })
  const known = book.known + absent.records
  const whole = before === null ? known : (before.whole ?? before.records + before.pending)
  const { pending, vanished } = yield* deleteAgreed(context, { ended, absent, whole })
  if (vanished !== null) book.source.isRefused = vanished.refusal !== null
  book.forgetLines()
  if (emptyBelieved && isWhole && emptyFor === emptySweeps(settings)) tellOfEmpty(context, empty)
  const isSettled = ended.agreeing > 0 && pending === 0
  const extent = isSettled ? pages : Math.max(pages, before?.extent ?? before?.pages ?? 0)
  const isAllKnown = isSettled || vanished?.refusal === null
  const line = { ...ended, pending, extent, whole: isAllKnown ? book.known + pending : whole }
  const isOver =
    vanished?.refusal === null && (await isResyncing(context)) && !(await hides(context, ended, absent))
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

/** So many sweeps in a row have to find the same pages empty before these are taken for empty, though never for an end. */
const emptySweeps = ({ confirmSweeps }: SweepContext['settings']): number => Math.max(2, confirmSweeps)

function countEmpty(empty: readonly number[], before: SweepLine | null): number {
  if (empty.length === 0) return 0
  return before?.empty?.join() === empty.join() ? (before.emptyFor ?? 0) + 1 : 1
}

/** Whether an empty page may hide records that are known: a resync that ended would delete them. */
async function hides({ book }: SweepContext, { empty }: Ended, { hidden }: Absent): Promise<boolean> {
  if (hidden > 0) return true
  for (const page of empty) if (((await book.read(page))?.count ?? 0) > 0) return true
  return false
}

function tellOfEmpty({ settings: { name, log } }: SweepContext, empty: readonly number[]): void {
  log.warn(
    { pages: empty },
    `source ${name}: ${empty.length === 1 ? 'a page is' : `${empty.length} pages are`} empty in sweep after sweep, and others follow: what stood there or beside it is not deleted until it holds records again`,
  )
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
  { ended, absent, whole }: { ended: Ended; absent: Absent; whole: number },
): AsyncGenerator<Closing, { pending: number; vanished: Vanished | null }> {
  const { name, stream, confirmSweeps, maxDeletedShare: maxShare } = settings
  const { records, deletable: gone, newestNameless } = absent
  const { agreeing, empty } = ended
  if (agreeing < confirmSweeps) return { pending: records, vanished: null }
  // Of those that were there before: many that come would else hide that many go.
  const refusal = massDisappearance({ name, gone, known: Math.max(gone, whole), maxShare })
  if (refusal !== null) return { pending: records, vanished: { stream, refusal } }
  if (gone > 0) yield* deleteAbsent(book, { newestNameless, empty, stream, schema })
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
