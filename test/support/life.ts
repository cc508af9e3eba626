import { expect } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { ChangeBatch, Rejected } from '../../src/changes/change-batch.ts'
import { readPosition } from '../../src/state/positions.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import type { MatchPlan } from '../../src/warehouse/match-plan.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { peopleStreams } from './people-match.ts'
import { scriptedSource } from './scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from './warehouse.ts'

/** By the column `id`. */
export const upsert = (stream: string, row: Record<string, string | null>): Change => ({
  kind: 'upsert',
  stream,
  key: [row['id'] ?? ''],
  row,
})
/** The shapes of all streams, and the one practice. */
export const schemas = [
  ...Object.entries(peopleStreams).map(([stream, columns]): Change => ({ kind: 'schema', stream, columns })),
  upsert('practice', { id: '1', town: 'york' }),
]
/** At the one practice. */
export const person = (id: string, first: string, last: string): Change =>
  upsert('person', { id, first, last, practice_id: '1' })
export const user = (id: string, first: string, last: string): Change =>
  upsert('user', { id, first, last, town: 'york' })

/** One life of the daemon over the database: the changes as one batch, and the rest of a run if it is not cut short. */
export async function life(
  url: string,
  plans: readonly MatchPlan[],
  changes: readonly Change[],
  {
    killed = false,
    rejected = [],
    during,
  }: { killed?: boolean; rejected?: readonly Rejected[]; during?: (w: TestWarehouse) => Promise<void> } = {},
): Promise<void> {
  const warehouse = await openTestWarehouse(url, plans)
  const { session, state } = warehouse
  try {
    const source = scriptedSource('s', Object.keys(peopleStreams), [])
    const before = await readPosition(session, 's')
    const batch: ChangeBatch = {
      before,
      after: String(Number(before ?? 0) + 1),
      changes,
      rejected,
      ledger: [],
      committedAt: null,
    }
    expect(await commitBatch(session, source, batch, state)).toBe(true)
    await during?.(warehouse)
    if (killed) return
    await drainQueue(session, state, new AbortController().signal)
    for (const match of state.matches) await publish(session, match, state)
  } finally {
    await warehouse.close()
  }
}
