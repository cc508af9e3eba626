import type { Change } from '../changes/change.ts'
import { massDisappearance } from '../changes/mass-disappearance.ts'
import { deleteAbsent, dropPages, findLeavers, type Absent, type Closing } from './absence.ts'
import type { SweepLine } from './page-line.ts'
import { judgeSweep, type SweepState, type Verdict } from './page-state.ts'
import type { SweepContext } from './sweep-context.ts'

export interface SweepEnd {
  readonly line: SweepLine
  /** What the batch brings that ends the sweep. */
  readonly last: Closing
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
  const ended: Omit<SweepLine, 'pending'> = {
    ...{ number, pages, records, vector, stable: verdict.stable },
    complete: true,
    agreeing: verdict.provesAbsence ? (agrees ? before.agreeing + 1 : 1) : 0,
    startedAt,
    endedAt: state.end?.at ?? startedAt,
  }
  if (ended.agreeing > 0) yield* dropPages(book, { sweep: number, pages })
  const absent = yield* findLeavers(book, { stream: settings.stream, retracts: verdict.stable })
  const { pending, refused } = yield* deleteAgreed(context, { agreeing: ended.agreeing, absent })
  book.forgetLines()
  const line = { ...ended, pending }
  const isOver = !refused && endsResync(context, line)
  const { stream, maxDeletedShare } = settings
  const changes: Change[] = isOver ? [{ kind: 'resync-end', stream, maxDeletedShare }] : []
  const ledger = [...(isWhole ? [book.recordSweep(line)] : []), ...(isOver ? [book.endResync()] : [])]
  return { line, last: { changes, ledger }, verdict }
}

/** Returns how many records are on no page any more and yet not deleted, and whether because they were too many. */
async function* deleteAgreed(
  { book, settings, schema, onMassDisappearance }: SweepContext,
  { agreeing, absent }: { agreeing: number; absent: Absent },
): AsyncGenerator<Closing, { pending: number; refused: boolean }> {
  const { name, stream, confirmSweeps, maxDeletedShare: maxShare } = settings
  const { records, deletable: gone, newestNameless } = absent
  if (agreeing < confirmSweeps) return { pending: records, refused: false }
  const refusal = massDisappearance({ name, gone, known: book.known + records, maxShare })
  onMassDisappearance(refusal)
  if (refusal !== null) return { pending: records, refused: true }
  if (gone > 0) yield* deleteAbsent(book, { newestNameless, stream, schema })
  return { pending: records - gone, refused: false }
}

/** This sweep has read every page since the resync began, and others agree with it: what it did not see is gone. */
function endsResync({ book, settings }: SweepContext, { agreeing }: SweepLine): boolean {
  return book.resyncSince !== null && agreeing >= settings.confirmSweeps
}
