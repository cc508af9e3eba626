import { rescorePair } from '../match/incremental.ts'
import { noteDirty } from '../state/assignments.ts'
import { undoDecision, writeDecision, type Decision } from '../state/decisions.ts'
import type { Session } from '../state/session.ts'
import { noting } from './noting.ts'
import { followMatch } from './rematch.ts'
import type { WarehouseState } from './warehouse-state.ts'

/** What a reviewer says about a pair; `null` takes back what was said. */
export interface Review extends Omit<Decision, 'at' | 'verdict'> {
  readonly verdict: Decision['verdict'] | null
}

export interface Reviewed {
  /** Whether this changed any decision: the same said twice does not. */
  readonly changed: boolean
  /** Whether both records are there; otherwise the decision waits for them. */
  readonly present: boolean
}

/** Writes decisions about pairs of one match, and lets every version of it follow, in one commit. */
export async function review(
  session: Session,
  state: WarehouseState,
  { match, reviews, by }: { match: string; reviews: readonly Review[]; by: string },
): Promise<Reviewed[]> {
  const versions = state.matches.filter(({ plan }) => plan.name === match)
  const outcomes: Reviewed[] = []
  await noting(session, state, async () => {
    for (const { verdict, ...pair } of reviews) {
      const changed =
        verdict === null
          ? await undoDecision(session, match, pair)
          : await writeDecision(session, match, { ...pair, verdict })
      let present = false
      for (const version of versions) {
        present = (await rescorePair(session, version, pair)) || present
        noteDirty(session, version.model, 'l', [pair.left])
        noteDirty(session, version.model, 'r', [pair.right])
      }
      outcomes.push({ changed, present })
    }
    for (const version of versions) {
      if (!state.isLive(version.model)) continue
      await followMatch(session, { match: version, state, cause: { kind: 'review', by } })
    }
    return 2 * reviews.length
  })
  return outcomes
}
