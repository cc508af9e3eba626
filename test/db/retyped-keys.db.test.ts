import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import type { Source } from '../../src/changes/source.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueuePiece } from '../../src/warehouse/rematch.ts'
import { matchPlan } from '../../src/wiring.ts'
import { person, upsert, user } from '../support/life.ts'
import { goLive } from '../support/live-match.ts'
import { feedFold, matchedRows } from '../support/match-content.ts'
import { peopleMatch, peopleStreams } from '../support/people-match.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

/** Shows each field in the type that its stream has. */
const plan = matchPlan({ ...peopleMatch, single: [] })

/** Whatever changes waits. */
const queueing = {
  ...{ inlineRecords: 0, inlineFanOut: 0, drainedRecords: 2, drainedWhileLoading: 2 },
  recordsPerPiece: 2,
}

const retyped = (stream: string, name: string, type: string): Change => ({
  kind: 'schema',
  stream,
  columns: (peopleStreams[stream] ?? []).map((column): Column =>
    column.name === name ? { ...column, type } : column,
  ),
})

/** What a stream has when its towns are numbers. */
const anew: Record<string, Change[]> = {
  user: [
    upsert('user', { id: '1', first: 'ann', last: 'lee', town: '8' }),
    upsert('user', { id: '2', first: 'rob', last: 'lee', town: '9' }),
    upsert('user', { id: '3', first: 'cat', last: 'lee', town: '7' }),
  ],
  practice: [upsert('practice', { id: '1', town: '8' }), upsert('practice', { id: '2', town: '7' })],
}

describe.each([
  ['that are re-matched at once', undefined],
  ['that wait', queueing],
])('a key or a field that gets another type, of records %s', (_, limits) => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  let source: Source
  let model: number
  let at = 0
  beforeEach(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [plan], limits)
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
  const drain = async (): Promise<void> => {
    while ((await drainQueuePiece(warehouse.session, warehouse.state)) > 0);
  }
  const records = async (side: 'l' | 'r'): Promise<string[]> => {
    const rows = await warehouse.session.query(
      `select id || ' ' || coalesce(fields[3], '') from syncline.match_record where model = $1 and side = $2 order by 1`,
      [model, side],
    )
    return rows.map(([text]) => text ?? '')
  }
  const matched = async (): Promise<string[]> =>
    (await matchedRows(warehouse.session)).map((row) => row.replace(/ .*/, ''))
  const expectFeedFolds = async (): Promise<void> => {
    const table = await warehouse.session.query('select to_jsonb(t)::text from warehouse.person_match t')
    expect(await feedFold(warehouse.session, 'person_match')).toEqual(table.flat().sort())
  }

  it('leaves no record under an id that is not printed any more', async () => {
    await commit(retyped('user', 'id', 'text'))
    await commit(upsert('practice', { id: '1', town: 'york' }))
    await commit(person('1', 'ann', 'lee'), person('2', 'bob', 'li'))
    await commit(user('007', 'ann', 'lee'), user('8', 'bob', 'li'))
    await drain()
    expect(await matched()).toEqual(['1-007', '2-8'])
    await commit(retyped('user', 'id', 'integer'))
    await drain()
    expect(await records('r')).toEqual(['7 york', '8 york'])
    expect(await matched()).toEqual(['1-7', '2-8'])
    await expectFeedFolds()
  })

  it('of which values do not fit is read anew by the source, and nothing that waits stands in the way', async () => {
    await commit(retyped('person', 'id', 'text'))
    await commit(upsert('practice', { id: '1', town: 'york' }))
    await commit(person('a', 'ann', 'lee'), person('7', 'bob', 'li'), user('1', 'ann', 'lee'))
    await drain()
    await commit(person('b', 'bob', 'li'), { kind: 'delete', stream: 'person', key: ['a'] })
    await commit(retyped('person', 'id', 'bigint'))
    await commit({ kind: 'resync-begin', stream: 'person' }, person('7', 'ann', 'lee'), {
      kind: 'resync-end',
      stream: 'person',
    })
    await drain()
    expect(await records('l')).toEqual(['7 york'])
    expect(await matched()).toEqual(['7-1'])
    await expectFeedFolds()
  })

  it('of a joined row moves the records whose join finds another row, or none', async () => {
    await commit(retyped('person', 'practice_id', 'text'), retyped('practice', 'id', 'text'))
    await commit(
      upsert('practice', { id: '007', town: 'york' }),
      upsert('practice', { id: '8', town: 'hull' }),
    )
    const at = (id: string, practice: string): Change =>
      upsert('person', { id, first: 'ann', last: 'lee', practice_id: practice })
    await commit(at('1', '007'), at('2', '7'), at('3', '8'))
    await drain()
    expect(await records('l')).toEqual(['1 york', '2 ', '3 hull'])
    await commit(upsert('practice', { id: '8', town: 'leeds' }))
    await commit(retyped('practice', 'id', 'integer'))
    await drain()
    expect(await records('l')).toEqual(['1 ', '2 york', '3 leeds'])
    await commit(retyped('person', 'practice_id', 'integer'))
    await drain()
    expect(await records('l')).toEqual(['1 york', '2 york', '3 leeds'])
  })

  it.each(['user', 'practice'])(
    'of which values do not fit is shown again when %s was read anew',
    async (stream) => {
      await commit(upsert('practice', { id: '1', town: '8' }), upsert('practice', { id: '2', town: 'york' }))
      const by = (id: string, practice: string, first: string): Change =>
        upsert('person', { id, first, last: 'lee', practice_id: practice })
      await commit(by('1', '1', 'ann'), by('2', '2', 'bob'), by('3', '2', 'cat'))
      const using = (id: string, first: string, town: string): Change =>
        upsert('user', { id, first, last: 'lee', town })
      await commit(using('1', 'ann', '8'), using('2', 'bob', 'york'), using('3', 'cat', 'york'))
      await drain()
      await commit(using('3', 'cat', 'hull'))
      await commit(retyped(stream, 'town', 'integer'))
      // One of its partners changes before it is its turn.
      await commit(by('2', '1', 'bob'), using('2', 'rob', '9'))
      await commit({ kind: 'resync-begin', stream }, ...(anew[stream] ?? []), { kind: 'resync-end', stream })
      await drain()
      expect(await matched()).toEqual(['1-1', '2-2', '3-3'])
      expect(await records(stream === 'user' ? 'r' : 'l')).toEqual(
        stream === 'user' ? ['1 8', '2 9', '3 7'] : ['1 8', '2 8', '3 7'],
      )
      await expectFeedFolds()
    },
  )
})
