import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dropForgottenTables } from '../../src/state/models.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import { publishWhole, rebuildMatch } from '../../src/warehouse/versions.ts'
import { person, upsert, user } from '../support/life.ts'
import { goLive } from '../support/live-match.ts'
import { peoplePlan } from '../support/people-match.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const people = [
  upsert('practice', { id: '1', town: 'york' }),
  person('1', 'ann', 'lee'),
  user('1', 'ann', 'lee'),
]

describe('the tables of a version', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  let reader: Session
  beforeEach(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const live = await goLive(warehouse)
    const [batch] = scriptedBatches([{ changes: people }])
    await commitBatch(warehouse.session, live.nextSource(), batch ?? expect.fail(), warehouse.state)
    reader = await Session.connect({ url: database.url, applicationName: 'analyst' })
  })
  afterEach(async () => {
    await reader.close()
    await warehouse.close()
    await database.drop()
  })

  const partitions = async (): Promise<string[]> => {
    const rows = await warehouse.session.query(
      `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'syncline.match_record'::regclass order by 1`,
    )
    return rows.map(([name]) => name ?? '')
  }

  it('are made and given up while somebody reads those of others for a long time, and dropped afterwards', async () => {
    const { session, state } = warehouse
    // What waits for a reader fails instead.
    await session.query(`set lock_timeout = '2s'`)
    await reader.query('begin isolation level repeatable read')
    for (const table of ['match_record', 'match_key', 'match_pair', 'match_assignment'])
      expect(await reader.query(`select from syncline.${table} limit 1`)).toHaveLength(1)

    const model = await rebuildMatch(session, state, 'person_match')
    await drainQueue(session, state, new AbortController().signal)
    expect(await publishWhole(session, state)).toBe(true)
    expect(state.matches.map((match) => match.model)).toEqual([model])
    expect(await session.query('select person_id, user_id, model from warehouse.person_match')).toEqual([
      ['1', '1', String(model)],
    ])

    expect(await partitions()).toEqual([`match_record_${model - 1}`, `match_record_${model}`])
    expect(await reader.query('select count(*) from syncline.match_record')).toEqual([['2']])
    await reader.query('commit')
    await dropForgottenTables(session)
    expect(await partitions()).toEqual([`match_record_${model}`])
  })

  it('stay while a view of somebody reads them', async () => {
    const { session, state } = warehouse
    await reader.query('create view public.kept as select count(*) from syncline.match_record_1')
    const model = await rebuildMatch(session, state, 'person_match')
    await drainQueue(session, state, new AbortController().signal)
    await publishWhole(session, state)
    expect(await reader.query('select * from public.kept')).toEqual([['2']])
    await reader.query('drop view public.kept')
    await dropForgottenTables(session)
    expect(await partitions()).toEqual([`match_record_${model}`])
  })

  it('are dropped with the version when nobody reads them', async () => {
    const { session, state } = warehouse
    const model = await rebuildMatch(session, state, 'person_match')
    await drainQueue(session, state, new AbortController().signal)
    await publishWhole(session, state)
    expect(await partitions()).toEqual([`match_record_${model}`])
  })
})
