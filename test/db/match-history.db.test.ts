import { describe, expect, it } from 'vitest'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { purgeMatchHistory } from '../../src/warehouse/match-history.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import { publishWhole, rebuildMatch } from '../../src/warehouse/versions.ts'
import { matchPlan } from '../../src/wiring.ts'
import { person, schemas, user } from '../support/life.ts'
import { goLive } from '../support/live-match.ts'
import { feedFold } from '../support/match-content.ts'
import { peopleMatch, peoplePlan } from '../support/people-match.ts'
import { databasePerTest } from '../support/postgres.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const dayMs = 86_400_000

/** The same match, shown by other names. */
const renamedPlan = matchPlan({
  ...peopleMatch,
  left: { ...peopleMatch.left, prefix: 'worker' },
  right: { ...peopleMatch.right, prefix: 'account' },
})

/** As `verify --repair` does. */
async function rebuild({ session, state }: TestWarehouse): Promise<void> {
  await rebuildMatch(session, state, 'person_match')
  await drainQueue(session, state, new AbortController().signal)
  await publishWhole(session, state)
}

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

  it('is looked up by the record, not read whole, when a match begins or ends', async () => {
    const warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const { session, state } = warehouse
    const live = await goLive(warehouse)
    const source = live.nextSource()
    await session.query(
      `insert into syncline.match_history (match, left_id, valid_from, right_id, as_of)
       select 'people', 'past ' || n, now() - interval '2 days', '1', current_date from generate_series(1, 5000) n`,
    )
    // As at first, when nothing has ended yet: plans stay as they were made then.
    await session.query('analyze syncline.match_history')
    await session.query(`update syncline.match_history set valid_to = now() - interval '1 day'`)
    await session.query('select pg_stat_force_next_flush()')
    await session.query('select pg_stat_reset()')
    const steps = [
      [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')],
      [{ kind: 'delete' as const, stream: 'user', key: ['1'] }],
      [user('3', 'ann', 'lee')],
    ]
    for (const batch of scriptedBatches(steps.map((changes) => ({ changes })))) {
      await commitBatch(session, source, batch, state)
    }
    await session.query('select pg_stat_force_next_flush()')
    const [intervals, read] = await session.one(
      `select (select count(*) from syncline.match_history where left_id = '1'),
              (select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'match_history')
                + (select seq_tup_read from pg_stat_user_tables where relname = 'match_history')`,
    )
    expect(intervals).toBe('2')
    // A few times each of the three that begin or end.
    expect(Number(read)).toBeLessThan(20)
    await warehouse.close()
  })

  it('holds one interval of a record at a time, also where its row was deleted by hand and is restored', async () => {
    const warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const { session, state } = warehouse
    const live = await goLive(warehouse)
    const source = live.nextSource()
    const people = ['1', '2'].flatMap((id) => [person(id, `ann ${id}`, 'lee'), user(id, `ann ${id}`, 'lee')])
    const steps = [[...schemas, ...people], [person('1', 'anna 1', 'lee')]]
    const [first, second] = scriptedBatches(steps.map((changes) => ({ changes })))
    await commitBatch(session, source, first ?? expect.fail(), state)
    await session.query('delete from warehouse.person_match')
    await commitBatch(session, source, second ?? expect.fail(), state)
    const shown = (): Promise<(string | null)[][]> =>
      session.query('select person_id from warehouse.person_match order by 1')
    const open = (): Promise<(string | null)[][]> =>
      session.query('select left_id, right_id from syncline.match_history where valid_to is null order by 1')
    const held = [
      ['1', '1'],
      ['2', '2'],
    ]
    expect(await shown()).toEqual([['1']])
    expect(await open()).toEqual(held)
    await rebuild(warehouse)
    expect(await shown()).toEqual([['1'], ['2']])
    expect(await open()).toEqual(held)
    await warehouse.close()
  })

  it('is not touched when only the columns of the table get other names, nor when the table was dropped', async () => {
    const first = await openTestWarehouse(database.url, [peoplePlan])
    const live = await goLive(first)
    const people = ['1', '2'].flatMap((id) => [person(id, `ann ${id}`, 'lee'), user(id, `ann ${id}`, 'lee')])
    const [batch] = scriptedBatches([{ changes: [...schemas, ...people] }])
    await commitBatch(first.session, live.nextSource(), batch ?? expect.fail(), first.state)
    // The table knows longer than the assignment of this version since when they are matched.
    await rebuild(first)
    const history = 'select * from syncline.match_history order by left_id'
    const times = 'select matched_at from warehouse.person_match order by 1'
    const [held, matchedAt] = [await first.session.query(history), await first.session.query(times)]
    expect([held.length, matchedAt.length]).toEqual([2, 2])
    await first.close()

    const renamed = await openTestWarehouse(database.url, [renamedPlan])
    const { session, state } = renamed
    const lastChange = async (): Promise<(string | null)[][]> =>
      session.query(
        `select left_id, kind, before ->> 'person_id', after ->> 'worker_id' from syncline.match_change
          where change = (select max(change) from syncline.match_change) order by left_id`,
      )
    await publishWhole(session, state)
    expect(await lastChange()).toEqual([
      ['1', 'attributes', '1', '1'],
      ['2', 'attributes', '2', '2'],
    ])
    const table = await session.query('select to_jsonb(t)::text from warehouse.person_match t')
    expect(await feedFold(session, 'person_match')).toEqual(table.flat().sort())
    expect(await session.query(history)).toEqual(held)
    expect(await session.query(times)).toEqual(matchedAt)

    await session.query('drop table warehouse.person_match')
    await publishWhole(session, state)
    expect(await lastChange()).toEqual([
      ['1', 'attributes', null, '1'],
      ['2', 'attributes', null, '2'],
    ])
    expect(await session.query(history)).toEqual(held)
    await renamed.close()
  })
})
