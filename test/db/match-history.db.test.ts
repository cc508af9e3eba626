import { describe, expect, it } from 'vitest'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { purgeMatchHistory } from '../../src/warehouse/match-history.ts'
import { person, schemas, user } from '../support/life.ts'
import { goLive } from '../support/live-match.ts'
import { peoplePlan } from '../support/people-match.ts'
import { databasePerTest } from '../support/postgres.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

const dayMs = 86_400_000

describe('what a match was', () => {
  const database = databasePerTest()

  it('is kept as long as is configured, changes and intervals each by their own setting; what holds is kept', async () => {
    const warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const { session, state } = warehouse
    const live = await goLive(warehouse)
    const source = live.nextSource()
    const steps = [
      [
        ...schemas,
        person('1', 'ann', 'lee'),
        user('1', 'ann', 'lee'),
        person('2', 'bob', 'day'),
        user('2', 'bob', 'day'),
      ],
      [{ kind: 'delete' as const, stream: 'user', key: ['1'] }],
      [user('3', 'ann', 'lee')],
    ]
    for (const batch of scriptedBatches(steps.map((changes) => ({ changes })))) {
      await commitBatch(session, source, batch, state)
    }
    const changes = (): Promise<(string | null)[][]> =>
      session.query('select left_id, kind from syncline.match_change order by change, left_id')
    const history = (): Promise<(string | null)[][]> =>
      session.query(
        'select left_id, right_id, valid_to is null from syncline.match_history order by valid_from, left_id',
      )
    expect(await changes()).toEqual([
      ['1', 'matched'],
      ['2', 'matched'],
      ['1', 'unmatched'],
      ['1', 'matched'],
    ])
    expect(await history()).toEqual([
      ['1', '1', 'f'],
      ['2', '2', 't'],
      ['1', '3', 't'],
    ])
    await session.query(
      `update syncline.match_change set changed_at = changed_at - interval '10 days' where kind = 'unmatched'`,
    )
    await session.query(
      `update syncline.match_history set valid_from = valid_from - interval '40 days', valid_to = valid_to - interval '20 days'`,
    )
    await purgeMatchHistory(session, { changesMs: 11 * dayMs, intervalsMs: 21 * dayMs })
    expect([await changes(), await history()].map((rows) => rows.length)).toEqual([4, 3])
    await purgeMatchHistory(session, { changesMs: 9 * dayMs, intervalsMs: 21 * dayMs })
    expect((await changes()).map(([, kind]) => kind)).not.toContain('unmatched')
    expect(await history()).toHaveLength(3)
    await purgeMatchHistory(session, { changesMs: 9 * dayMs, intervalsMs: 19 * dayMs })
    expect(await history()).toEqual([
      ['2', '2', 't'],
      ['1', '3', 't'],
    ])
    await warehouse.close()
  })
})
