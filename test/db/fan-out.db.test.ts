import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Source } from '../../src/changes/source.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueuePiece } from '../../src/warehouse/rematch.ts'
import { upsert } from '../support/life.ts'
import { goLive } from '../support/live-match.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const limits = {
  ...{ inlineRecords: 50, inlineFanOut: 2, drainedRecords: 2, drainedWhileLoading: 2 },
  recordsPerPiece: 50,
}

/** More than a piece of them work at practice 1. */
const people = Array.from({ length: 9 }, (_, at) =>
  upsert('person', { id: String(at + 1), first: 'ann', last: 'lee', practice_id: '1' }),
)

const practice = (row: Record<string, string | null>): Change => upsert('practice', { id: '1', ...row })

describe('a joined row with many records', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  let source: Source
  let model: number
  let at = 0
  beforeEach(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [peoplePlan], limits)
    const live = await goLive(warehouse)
    source = live.nextSource()
    model = live.model
    at = 0
  })
  afterEach(async () => {
    await warehouse.close()
    await database.drop()
  })

  const commit = async (...changes: Change[]): Promise<void> => {
    for (const batch of scriptedBatches([{ changes }], at++))
      await commitBatch(warehouse.session, source, batch, warehouse.state)
  }
  const drainPiece = (): Promise<number> => drainQueuePiece(warehouse.session, warehouse.state)
  const drain = async (): Promise<void> => {
    while ((await drainPiece()) > 0);
  }
  const towns = async (): Promise<string[]> => {
    const { session } = warehouse
    const rows = await session.query(
      `select distinct fields[3] from syncline.match_record where model = $1 and side = 'l' order by 1`,
      [model],
    )
    return rows.map(([town]) => town ?? '')
  }
  const waiting = async (): Promise<string | null | undefined> =>
    (await warehouse.session.one('select count(*) from syncline.match_fan_out'))[0]

  it('that changes before they are all re-matched does not begin with them anew', async () => {
    await commit(practice({ town: 'before' }), ...people)
    await drain()
    expect(await towns()).toEqual(['before'])
    const since = new Set<string | null | undefined>()
    for (let change = 0; change < people.length; change++) {
      await commit(practice({ town: `town ${change}` }))
      const [queuedAt] = await warehouse.session.one('select queued_at from syncline.match_fan_out')
      since.add(queuedAt)
      await drainPiece()
    }
    // Its age is not that of a pass that came to its end.
    expect(since.size).toBe(2)
    expect(await towns()).not.toContain('before')
    await drain()
    expect(await towns()).toEqual([`town ${people.length - 1}`])
    expect(await warehouse.session.query('select from syncline.match_cause')).toEqual([])
  })

  it('of which nothing changes that they take re-matches none of them', async () => {
    const columns = peopleStreams['practice'] ?? []
    const phone = { name: 'phone', type: 'text', nullable: true, keyPosition: null, comment: null }
    await commit({ kind: 'schema', stream: 'practice', columns: [...columns, phone] })
    await commit(practice({ town: 'york', phone: '1' }), ...people)
    await drain()
    await commit(practice({ town: 'york', phone: '2' }))
    expect(await waiting()).toBe('0')
    await commit(practice({ town: 'leeds', phone: '2' }))
    expect(await waiting()).toBe('1')
    await drain()
    expect(await towns()).toEqual(['leeds'])
  })
})
