import type { Change } from '../changes/change.ts'
import type { OperatorError } from '../runtime/errors.ts'
import {
  deleteAbsent,
  dropPages,
  findLeavers,
  massDisappearance,
  type Absent,
  type Closing,
} from './absence.ts'
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
  const pending = yield* deleteAgreed(context, { agreeing: ended.agreeing, absent })
  book.forgetLines()
  const line = { ...ended, pending }
  const isOver = endsResync(context, line)
  const changes: Change[] = isOver ? [{ kind: 'resync-end', stream: settings.stream }] : []
  const ledger = [...(isWhole ? [book.recordSweep(line)] : []), ...(isOver ? [book.endResync()] : [])]
  return { line, last: { changes, ledger }, verdict }
}

/** Returns how many records are on no page any more and yet not deleted. */
async function* deleteAgreed(
  { book, settings, schema, onMassDisappearance }: SweepContext,
  { agreeing, absent }: { agreeing: number; absent: Absent },
): AsyncGenerator<Closing, number> {
  const { name, stream, confirmSweeps, maxDeletedShare: maxShare } = settings
  if (agreeing < confirmSweeps) return absent.records
  const known = book.known + absent.records
  const refusal: OperatorError | null = massDisappearance({ name, gone: absent.deletable, known, maxShare })
  onMassDisappearance(refusal)
  if (refusal !== null || absent.deletable === 0) return absent.records
  yield* deleteAbsent(book, { newestNameless: absent.newestNameless, stream, schema })
  return absent.records - absent.deletable
}

/** This sweep has read every page since the resync began, and others agree with it: what it did not see is gone. */
function endsResync({ book, settings }: SweepContext, { agreeing }: SweepLine): boolean {
  return book.resyncSince !== null && agreeing >= settings.confirmSweeps
}
