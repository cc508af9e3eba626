import { expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { testDatabase } from '../support/postgres.ts'
import { scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

/** Six million candidates, held at once, would take several times as much. */
it.each([
  ['of changes', []],
  ['of a first load', ['person', 'user']],
])(
  'a block of 4,000 × 1,500 candidates %s is scored in bounded memory',
  async (_, fresh) => {
    const people = 4_000
    const database = await testDatabase()
    const warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const { session, state } = warehouse
    const source = scriptedSource('s', Object.keys(peopleStreams), [])
    const schemas = Object.entries(peopleStreams).map(([stream, columns]): Change => ({
      kind: 'schema',
      stream,
      columns,
    }))
    const row = (stream: string, id: number, rest: Record<string, string | null>): Change => ({
      kind: 'upsert',
      stream,
      key: [String(id)],
      row: { id: String(id), ...rest },
    })
    const batch = (before: string | null, after: string, changes: Change[]) => ({
      before,
      after,
      changes,
      rejected: [],
      ledger: [],
      committedAt: null,
    })
    await commitBatch(
      session,
      source,
      batch(null, '1', [
        ...schemas,
        ...fresh.map((stream): Change => ({ kind: 'resync-begin', stream })),
        ...Array.from({ length: people }, (_, i) =>
          row('person', i + 1, { first: `qx${i}`, last: 'smith', practice_id: null }),
        ),
      ]),
      state,
    )
    globalThis.gc?.()
    const before = process.memoryUsage().rss
    let peak = 0
    const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20)
    await commitBatch(
      session,
      source,
      batch(
        '1',
        '2',
        Array.from({ length: 1_500 }, (_, i) =>
          row('user', i + 1, { first: `zv${i}`, last: 'smith', town: null }),
        ),
      ),
      state,
    )
    clearInterval(timer)
    peak = Math.max(peak, process.memoryUsage().rss)
    expect(peak - before).toBeLessThan(300 * 2 ** 20)
    await warehouse.close()
    await database.drop()
  },
  120_000,
)
