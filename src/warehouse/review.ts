import { rescorePair } from '../match/incremental.ts'
import { noteDirty, readPartners } from '../state/assignments.ts'
import { contradictedAccepts, undoDecision, writeDecision, type Decision } from '../state/decisions.ts'
import type { Session } from '../state/session.ts'
import { noting } from './noting.ts'
import { followMatch } from './rematch.ts'
import type { WarehouseState } from './warehouse-state.ts'

/** What a reviewer says about a pair; `null` takes back what was said. */
export interface Review extends Omit<Decision, 'at' | 'verdict'> {
  readonly verdict: Decision['verdict'] | null
  /** When that was said, if not now. */
  readonly at?: string
}

export interface Reviewed {
  /** Whether this changed any decision: the same said twice does not. */
  readonly changed: boolean
  /** Whether both records are there; otherwise the decision waits for them. */
  readonly present: boolean
  /** Whether the two are matched now. Null when that is not known yet: no version of the match is live. */
  readonly matched: boolean | null
  /** Of an accept: the other standing accepts of one of its records. A record has one match, so one of them all counts. */
  readonly contradicts: readonly Contradiction[]
}

export interface Contradiction {
  readonly left: string
  readonly right: string
  readonly matched: boolean | null
}

/** Writes decisions about pairs of one match, and lets every version of it follow, in one commit. */
export async function review(
  session: Session,
  state: WarehouseState,
  { match, reviews, by }: { match: string; reviews: readonly Review[]; by: string },
): Promise<Reviewed[]> {
  const versions = state.matches.filter(({ plan }) => plan.name === match)
  const written: Pick<Reviewed, 'changed' | 'present'>[] = []
  let outcomes: Reviewed[] = []
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
      written.push({ changed, present })
    }
    for (const version of versions) {
      if (!state.isLive(version.model)) continue
      await followMatch(session, { match: version, state, cause: { kind: 'review', by } })
    }
    const live = versions.find(({ model }) => state.isLive(model))?.model ?? null
    const became = await whatBecame(session, { match, live, reviews })
    outcomes = written.map((one, place) => ({ ...one, ...(became[place] ?? unknown) }))
    return 2 * reviews.length
  })
  return outcomes
}

type Became = Pick<Reviewed, 'matched' | 'contradicts'>
const unknown: Became = { matched: null, contradicts: [] }

/** Read when all is written and the match has followed: decisions of one command may contradict each other as well. */
async function whatBecame(
  session: Session,
  { match, live, reviews }: { match: string; live: number | null; reviews: readonly Review[] },
): Promise<Became[]> {
  const others: Pick<Review, 'left' | 'right'>[][] = []
  for (const one of reviews) {
    others.push(one.verdict === 'must' ? await contradictedAccepts(session, match, one) : [])
  }
  const lefts = [...reviews, ...others.flat()].map(({ left }) => left)
  const partners = live === null ? null : await readPartners(session, live, [...new Set(lefts)])
  const isMatched = ({ left, right }: Pick<Review, 'left' | 'right'>): boolean | null =>
    partners && partners.get(left) === right
  return reviews.map((one, place) => ({
    matched: isMatched(one),
    contradicts: (others[place] ?? []).map((other) => ({ ...other, matched: isMatched(other) })),
  }))
}
