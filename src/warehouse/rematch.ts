import { follow } from '../match/follow.ts'
import type { Cause } from '../state/causes.ts'
import { noteLongestPath } from '../state/match-figures.ts'
import { longestWaiting } from '../state/causes.ts'
import type { Session } from '../state/session.ts'
import { countChanged } from './changed-records.ts'
import type { LiveMatch } from './match-plan.ts'
import { publishTouched } from './net-changes.ts'
import { noting } from './noting.ts'
import { expandJoins, queueChangedRecords, takeFannedOut, takeQueuedRecords } from './rematch-queue.ts'
import { refreshChangedRecords } from './refresh.ts'
import type { WarehouseState } from './warehouse-state.ts'

/**
 * Lets every match follow what the open transaction has noted: records, keys and pairs of all versions, assignment,
 * table, feed and history of those that are live. What one commit cannot bear is put off to the queue. Returns how much
 * was noted.
 */
export async function rematch(session: Session, state: WarehouseState, cause: Cause): Promise<number> {
  let noted = await countChanged(session)
  if (noted.joined > 0) {
    await expandJoins(session, state, cause)
    noted = await countChanged(session)
  }
  if (noted.records > state.limits.inlineRecords) await queueChangedRecords(session, cause)
  else if (noted.records > 0) await refreshAndFollow(session, state, cause)
  return noted.records + noted.joined
}

async function refreshAndFollow(session: Session, state: WarehouseState, cause: Cause): Promise<void> {
  await refreshChangedRecords(session, state)
  for (const match of state.matches) {
    if (state.isLive(match.model)) await followMatch(session, { match, state, cause })
  }
}

/** Brings assignment, table, feed and history of one live match up to date with what is noted as dirty and touched. */
export async function followMatch(
  session: Session,
  { match, state, cause }: { match: LiveMatch; state: WarehouseState; cause: Cause },
): Promise<void> {
  const { model, plan } = match
  const [dirty, touched] = await session.one(
    `select exists (select from dirty_record where model = $1), exists (select from touched_left where model = $1)`,
    [model],
  )
  if (dirty === 't') {
    const { waves } = await follow(session, { model, threshold: plan.model.threshold })
    noteLongestPath(session, model, waves)
  } else if (touched === 'f') return
  await publishTouched(session, { schema: state.schema, match, mirrors: state.mirrors, cause })
}

/**
 * Re-matches some of what was put off, in one bounded commit, so that other commits can come in between. Returns
 * about how many there were; 0 when none was left. `wanted`: at most how many records if a match is live, so that
 * somebody may wait.
 */
export async function drainQueuePiece(
  session: Session,
  state: WarehouseState,
  wanted = state.limits.drainedRecords,
): Promise<number> {
  const { matches, mirrors, limits } = state
  const found = await noting(session, state, async () => {
    const waiting = await longestWaiting(session)
    if (!waiting) return null
    const most = matches.some(({ model }) => state.isLive(model)) ? wanted : limits.drainedWhileLoading
    const queued = await takeQueuedRecords(session, waiting.number, most)
    const limit = most - queued
    const fanned = limit > 0 && (await takeFannedOut(session, waiting.number, { limit, matches, mirrors }))
    await refreshAndFollow(session, state, waiting.cause)
    return queued + (fanned ? limit : 0)
  })
  return found ?? 0
}

/** Re-matches all that was put off. */
export async function drainQueue(
  session: Session,
  state: WarehouseState,
  signal: AbortSignal,
): Promise<void> {
  do signal.throwIfAborted()
  while ((await drainQueuePiece(session, state)) > 0)
}
