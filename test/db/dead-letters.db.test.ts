import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Rejected } from '../../src/changes/change-batch.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches, scriptedSource, type Step } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const columns = [
  { name: 'id', type: 'integer', nullable: false, keyPosition: 1, comment: null },
  { name: 'age', type: 'smallint', nullable: true, keyPosition: null, comment: 'years' },
]
const schema: Change = { kind: 'schema', stream: 'person', columns }
const upsert = (id: string, age: string | null): Change => ({
  kind: 'upsert',
  stream: 'person',
  key: [id],
  row: { id, age },
})
const rejected = (key: string | null, raw: string): Rejected => ({
  stream: 'person',
  key: key === null ? null : [key],
  code: 'wrong-type',
  reason: 'age is not a number',
  raw,
})

describe('dead letters', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  let position = 0
  const commit = async (steps: readonly Step[]): Promise<void> => {
    const source = scriptedSource('hr', ['person'], [])
    for (const batch of scriptedBatches(steps, position))
      await commitBatch(warehouse.session, source, batch, warehouse.state)
    position += steps.length
  }
  const letters = (): Promise<(string | null)[][]> =>
    warehouse.session.query(
      `select id, code, raw, times, coalesce(closed_by, 'open') from syncline.dead_letter order by first_seen_at, id`,
    )
  const people = (): Promise<(string | null)[][]> =>
    warehouse.session.query('select id, age from warehouse.person order by id')
  beforeAll(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [])
    await commit([{ changes: [schema] }])
  })
  afterAll(async () => {
    await warehouse.close()
    await database.drop()
  })

  it('keep the raw record and leave the previous good row in place', async () => {
    await commit([
      { changes: [upsert('1', '30')] },
      { changes: [], rejected: [rejected('1', '{"age":"x\u0000"}')] },
    ])
    expect(await people()).toEqual([['1', '30']])
    expect(await letters()).toEqual([['1', 'wrong-type', '{"age":"x\\u0000"}', '1', 'open']])
  })

  it('are open at most once per record, with the latest raw form', async () => {
    await commit([{ changes: [], rejected: [rejected('1', 'again')] }])
    expect(await letters()).toEqual([['1', 'wrong-type', 'again', '2', 'open']])
  })

  it('are superseded by any later change of the record', async () => {
    await commit([{ changes: [upsert('1', '31')] }])
    expect(await letters()).toEqual([['1', 'wrong-type', 'again', '2', 'superseded']])
    expect(await people()).toEqual([['1', '31']])
  })

  it('take records without a key, each raw form once', async () => {
    await commit([
      { changes: [], rejected: [rejected(null, 'no id'), rejected(null, 'no id'), rejected(null, 'other')] },
    ])
    expect((await letters()).filter(([, , , , state]) => state === 'open')).toHaveLength(2)
  })

  it('take what Postgres refuses, alone: the rest of its batch is kept', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => upsert(String(100 + i), i === 17 ? '99999' : String(i)))
    await commit([{ changes: rows }])
    expect(await people()).toHaveLength(40)
    const refused = (await letters()).find(([id]) => id === '117')
    expect(refused).toEqual(['117', 'value-refused', '{"id":"117","age":"99999"}', '1', 'open'])
  })

  it('are closed when a later change of the same batch is taken in, and open when the rejection is the later one', async () => {
    const wider = { kind: 'schema', stream: 'person', columns } as const
    await commit([{ changes: [upsert('200', 'not a number'), wider, upsert('200', '20')] }])
    await commit([{ changes: [upsert('201', '21')], rejected: [rejected('201', 'later')] }])
    const states = new Map((await letters()).map(([id, , raw, , state]) => [`${id} ${raw}`, state]))
    expect([...states].filter(([text]) => text.startsWith('20'))).toEqual([['201 later', 'open']])
    expect(await people()).toContainEqual(['200', '20'])
    expect(await people()).toContainEqual(['201', '21'])
  })

  it('save the mirrored row of a record that a resync saw but could not read', async () => {
    await commit([
      { changes: [{ kind: 'resync-begin', stream: 'person' }] },
      { changes: [upsert('100', '50')], rejected: [rejected('101', 'broken')] },
      { changes: [{ kind: 'resync-end', stream: 'person' }] },
    ])
    expect(await people()).toEqual([
      ['100', '50'],
      ['101', '1'],
    ])
  })

  it('save it too when the resync ends in the same batch, and stay the letters that they were', async () => {
    await commit([
      {
        changes: [
          { kind: 'resync-begin', stream: 'person' },
          upsert('100', '50'),
          { kind: 'resync-end', stream: 'person' },
        ],
        rejected: [rejected('101', 'still broken')],
      },
    ])
    expect(await people()).toEqual([
      ['100', '50'],
      ['101', '1'],
    ])
    expect((await letters()).filter(([id]) => id === '101')).toEqual([
      ['101', 'wrong-type', 'still broken', '2', 'open'],
    ])
  })
})
