import { prepareAssignments } from '../state/assignments.ts'
import { fence } from '../state/lease.ts'
import type { Session } from '../state/session.ts'
import { emptyTables } from '../state/temporary-tables.ts'
import { prepareChangedRecords } from './changed-records.ts'
import { prepareNetChanges } from './net-changes.ts'
import type { WarehouseState } from './warehouse-state.ts'

/** What a transaction notes on its way: gone at its end. */
const notes = ['changed_record', 'changed_join', 'dirty_record', 'touched_left']

/**
 * A transaction of the writer in which records may be noted to be re-matched. `work` returns about how many
 * it noted, or null if it wrote nothing at all. The fence stands last.
 */
export async function noting(
  session: Session,
  state: WarehouseState,
  work: () => Promise<number | null>,
): Promise<number | null> {
  await prepareChangedRecords(session)
  await prepareAssignments(session)
  await prepareNetChanges(session)
  await session.keepPlans(state.matches.every(({ model }) => state.isLive(model)))
  return session.transaction(async () => {
    const noted = await work()
    if (noted === null) return null
    session.background(emptyTables(session, notes, noted))
    await fence(session, state.term)
    return noted
  })
}
