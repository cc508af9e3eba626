import type { ResyncEnd } from '../changes/change.ts'
import type { Rejected } from '../changes/change-batch.ts'
import { massDisappearance, refusedKey } from '../changes/mass-disappearance.ts'
import type { OperatorError } from '../runtime/errors.ts'
import { closeUnseenDeadLetters } from '../state/dead-letters.ts'
import { writeLedger } from '../state/ledger.ts'
import { recordId } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { markSeen, readResyncRows, setResync } from '../state/streams.ts'
import { countRows } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'
import { countUnseenRows, deleteUnseenRows } from './write-rows.ts'

export interface Resyncing {
  /** By its name. */
  readonly source: string
  readonly state: WarehouseState
}

/** From here on what is seen of the stream is noted, unless its table is empty. */
export async function beginResync(
  session: Session,
  stream: string,
  { source, state }: Resyncing,
): Promise<void> {
  const rows = await countRows(session, state.mirror(stream))
  const resync = rows === 0 ? 'fresh' : 'merge'
  await setResync(session, stream, { resync, rows })
  state.setResync(stream, resync)
  await noteRefusal(session, stream, { source, state, refusal: null })
}

/**
 * Ends a resync: what it has not seen goes. While that is more than its source believes, nothing goes and the resync
 * stays open. Without an open one nothing is done. `letters`: records that were rejected, and so seen, with its end.
 */
export async function endResync(
  session: Session,
  { stream, maxDeletedShare }: ResyncEnd,
  { source, state, letters }: Resyncing & { readonly letters: readonly Rejected[] },
): Promise<void> {
  const resync = state.resync(stream)
  if (resync === null) return
  if (resync === 'merge') {
    await markSeen(
      session,
      stream,
      letters.flatMap(({ key }) => (key ? [recordId(key)] : [])),
    )
    const refusal =
      maxDeletedShare === undefined
        ? null
        : await refusalOf(session, stream, { source, state, maxShare: maxDeletedShare })
    await noteRefusal(session, stream, { source, state, refusal })
    if (refusal !== null) return
    await deleteUnseenRows(session, state.mirror(stream), state)
  }
  if (state.openLetters.has(stream)) await closeUnseenDeadLetters(session, stream, letters)
  await setResync(session, stream, null)
  state.setResync(stream, null)
}

/**
 * Of what was there when the resync began: an API of five times as many other records would else be believed that all
 * of ours are a small share.
 */
async function refusalOf(
  session: Session,
  stream: string,
  { source, state, maxShare }: Resyncing & { readonly maxShare: number },
): Promise<OperatorError | null> {
  const { gone, known } = await countUnseenRows(session, state.mirror(stream))
  const before = (await readResyncRows(session, stream)) ?? known
  return massDisappearance({ name: source, gone, known: Math.max(gone, before), maxShare })
}

async function noteRefusal(
  session: Session,
  stream: string,
  { source, state, refusal }: Resyncing & { readonly refusal: OperatorError | null },
): Promise<void> {
  state.setRefusal(stream, refusal)
  await writeLedger(session, source, [{ key: refusedKey(stream), value: refusal?.message }])
}
