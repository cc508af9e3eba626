import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyMatch, type MatchVerification } from '../../src/match/verify.ts'
import { Session } from '../../src/state/session.ts'
import { readMatchFigures } from '../../src/state/match-figures.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import type { MatchPlan } from '../../src/warehouse/match-plan.ts'
import type { Mirrors } from '../../src/warehouse/matched-columns.ts'
import { verifyRecords, verifyTable } from '../../src/warehouse/verify-records.ts'
import { upsert } from '../support/life.ts'
import { goLive, say, type LiveMatch } from '../support/live-match.ts'
import { peoplePlan } from '../support/people-match.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

describe('verifying and measuring a match', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  let live: LiveMatch
  let reader: Session
  beforeAll(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [peoplePlan])
    live = await goLive(warehouse)
    reader = await Session.connect({ url: database.url, applicationName: 'test' })
    const names = ['ann', 'anna', 'bob', 'cy']
    const changes = names.flatMap((first, i) => [
      upsert('person', { id: String(i), first, last: 'lee', practice_id: null }),
      upsert('user', { id: String(i), first, last: 'lee', town: 'york' }),
    ])
    const [batch] = scriptedBatches([{ changes }])
    await commitBatch(warehouse.session, live.nextSource(), batch ?? expect.fail(), warehouse.state)
    const said = [
      { left: '0', right: '0', verdict: 'cannot' as const },
      { left: '3', right: '0', verdict: 'must' as const },
    ]
    await say(warehouse, said, new Map())
  })
  afterAll(async () => {
    await reader.close()
    await warehouse.close()
    await database.drop()
  })
  const verify = (): Promise<MatchVerification> =>
    reader.transaction(() =>
      verifyMatch(reader, { model: live.model, plan: peoplePlan }, new AbortController().signal),
    )
  const ends = (): { schema: string; mirrors: Mirrors; model: number; plan: MatchPlan } => ({
    ...{ schema: 'warehouse', mirrors: warehouse.state.mirrors },
    ...{ model: live.model, plan: peoplePlan },
  })
  const equal = { missing: 0, extra: 0, different: 0, sample: [] }

  it('finds nothing where the live state is the batch over its records, decisions counted', async () => {
    const { keys, pairs, assignment } = await verify()
    expect([keys, pairs, assignment]).toMatchObject([equal, equal, equal])
    expect(keys.compared).toBeGreaterThan(8)
    expect(pairs.compared).toBeGreaterThan(8)
    expect(assignment.compared).toBe(6)
    expect(await verifyRecords(reader, ends())).toEqual({ ...equal, compared: 8 })
    expect(await verifyTable(reader, ends())).toEqual({ ...equal, compared: 3 })
  })

  it('tells the figures for alerts', async () => {
    const { session } = warehouse
    await session.query(`analyze syncline.match_key_${live.model}_l, syncline.match_key_${live.model}_r`)
    const idle = { match: 'person_match', model: live.model, queued: 0, fannedOut: 0, queueAgeMs: null }
    const [figures] = await readMatchFigures(session)
    expect(figures).toMatchObject(idle)
    expect(figures?.longestPath).toBeGreaterThan(0)
    // Four people of one surname.
    expect(figures?.largestBlock).toBe(4)
    await session.query(
      `insert into syncline.match_queue (model, side, id, queued_at, cause)
       values (${live.model}, 'l', '1', clock_timestamp() - interval '1 minute', 0)`,
    )
    const [waiting] = await readMatchFigures(session)
    expect(waiting?.queued).toBe(1)
    expect(waiting?.queueAgeMs).toBeGreaterThanOrEqual(60_000)
    await session.query('delete from syncline.match_queue')
  })

  it('finds a key, a pair and a match that are missing, wrong or too many', async () => {
    const spoil = async (statement: string): Promise<MatchVerification> => {
      await warehouse.session.query('begin')
      await warehouse.session.query(statement)
      await warehouse.session.query('commit')
      return verify()
    }
    const without = await spoil(
      `delete from syncline.match_key where model = ${live.model} and side = 'l' and id = '0'`,
    )
    expect(without.keys.missing).toBeGreaterThan(0)
    expect(without.keys.sample[0]).toBe('l 0')
    const rescored = await spoil(
      `update syncline.match_pair set score = score + 1 where side = 'l' and id = '1' and partner = '1'`,
    )
    expect(rescored.pairs).toMatchObject({ different: 1, sample: ['l 1 1'] })
    const added = await spoil(
      `insert into syncline.match_assignment (model, side, id, partner, score) values (${live.model}, 'l', 'x', 'y', 5)`,
    )
    expect(added.assignment).toMatchObject({ missing: 0, extra: 1, sample: ['l x y'] })
    await warehouse.session.query(`delete from syncline.match_assignment where id = 'x'`)
  })

  it('finds a record that is not what the mirrors say, unless it waits, and a row that is not what the match says', async () => {
    await reader.query('begin')
    await reader.query(`update syncline.match_record set fields[1] = 'dan' where side = 'r' and id = '1'`)
    await reader.query(`delete from syncline.match_record where side = 'l' and id = '2'`)
    await reader.query(
      `insert into syncline.match_record (model, side, id, fields) values (${live.model}, 'l', '99', '{}')`,
    )
    const found = await verifyRecords(reader, ends())
    expect(found).toMatchObject({ missing: 1, extra: 1, different: 1, sample: ['l 2', 'l 99', 'r 1'] })
    await reader.query(
      `insert into syncline.match_queue (model, side, id, cause)
       values (${live.model}, 'r', '1', 0), (${live.model}, 'l', '2', 0), (${live.model}, 'l', '99', 0)`,
    )
    expect(await verifyRecords(reader, ends())).toMatchObject(equal)
    await reader.query('rollback')
    await reader.query('begin')
    await reader.query('update warehouse.person_match set match_weight = 1 where person_id = 1')
    await reader.query('delete from warehouse.person_match where person_id = 2')
    expect(await verifyTable(reader, ends())).toMatchObject({ missing: 1, extra: 0, different: 1 })
    await reader.query('rollback')
  })
})
