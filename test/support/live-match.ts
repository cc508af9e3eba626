import { expect } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Source } from '../../src/changes/source.ts'
import { eachDecision, type Verdict } from '../../src/state/decisions.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { drainQueuePiece } from '../../src/warehouse/rematch.ts'
import { review } from '../../src/warehouse/review.ts'
import { peopleStreams } from './people-match.ts'
import { begin, type Decided } from './people-script.ts'
import { scriptedBatches, scriptedSource } from './scripted-source.ts'
import type { MatchPlan } from '../../src/warehouse/match-plan.ts'
import type { RematchLimits } from '../../src/warehouse/warehouse-state.ts'
import { testDatabase } from './postgres.ts'
import { openTestWarehouse, type TestWarehouse } from './warehouse.ts'

export interface LiveMatch {
  readonly model: number
  /** A source that begins anew: positions of an earlier script mean nothing to it. */
  nextSource(): Source
}

/** Announces the streams of the people match and publishes it; it is live from then on. */
export async function goLive({ session, state }: TestWarehouse): Promise<LiveMatch> {
  let run = 0
  const nextSource = (): Source => scriptedSource(`script ${run++}`, Object.keys(peopleStreams), [])
  const [shapes] = scriptedBatches([begin])
  await commitBatch(session, nextSource(), shapes ?? expect.fail(), state)
  for (const match of state.matches) await publish(session, match, state)
  return { model: state.matches[0]?.model ?? 0, nextSource }
}

export interface FollowedPeople {
  readonly warehouse: TestWarehouse
  readonly model: number
  /** The changes as the next batch of the one source. */
  readonly commit: (...changes: Change[]) => Promise<void>
  /** Re-matches some of what waits; see `drainQueuePiece`. */
  readonly drainPiece: (wanted?: number) => Promise<number>
  readonly drain: (wanted?: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** A live match in a database of its own, which follows one source. */
export async function followPeople(plan: MatchPlan, limits?: RematchLimits): Promise<FollowedPeople> {
  const database = await testDatabase()
  const warehouse = await openTestWarehouse(database.url, [plan], limits)
  const { session, state } = warehouse
  const live = await goLive(warehouse)
  const source = live.nextSource()
  let at = 0
  const drainPiece = (wanted?: number): Promise<number> => drainQueuePiece(session, state, wanted)
  return {
    warehouse,
    model: live.model,
    drainPiece,
    commit: async (...changes) => {
      for (const batch of scriptedBatches([{ changes }], at++))
        await commitBatch(session, source, batch, state)
    },
    drain: async (wanted) => {
      while ((await drainPiece(wanted)) > 0);
    },
    close: async () => {
      await warehouse.close()
      await database.drop()
    },
  }
}

/** Lets a reviewer speak, and keeps in `decisions` what stands. */
export async function say(
  { session, state }: TestWarehouse,
  said: readonly { left: string; right: string; verdict: Verdict | null }[],
  decisions: Map<string, Decided>,
): Promise<void> {
  for (const { left, right, verdict } of said) {
    const before = decisions.get(`${left} ${right}`)?.verdict ?? null
    if (verdict === null) decisions.delete(`${left} ${right}`)
    else decisions.set(`${left} ${right}`, { left, right, verdict })
    const reviews = [{ left, right, verdict, by: 'ann', reason: null }]
    const [outcome] = await review(session, state, { match: 'person_match', reviews, by: 'ann' })
    expect(outcome?.changed).toBe(before !== verdict)
  }
}

/** Takes back what an earlier script has left, as a reviewer would. */
export async function forgetDecisions({ session, state }: TestWarehouse): Promise<void> {
  while ((await drainQueuePiece(session, state)) > 0);
  for await (const standing of eachDecision(session, 'person_match')) {
    const reviews = standing.map((one) => ({ ...one, verdict: null }))
    await review(session, state, { match: 'person_match', reviews, by: 'ann' })
  }
}
