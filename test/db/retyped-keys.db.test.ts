import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { matchPlan } from '../../src/wiring.ts'
import { person, upsert, user } from '../support/life.ts'
import { followPeople, type FollowedPeople } from '../support/live-match.ts'
import { feedFold, matchedRows } from '../support/match-content.ts'
import { peopleMatch, peopleStreams } from '../support/people-match.ts'

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
  let people: FollowedPeople
  beforeEach(async () => {
    people = await followPeople(plan, limits)
  })
  afterEach(() => people.close())

  const records = async (side: 'l' | 'r'): Promise<string[]> => {
    const rows = await people.warehouse.session.query(
      `select id || ' ' || coalesce(fields[3], '') from syncline.match_record where model = $1 and side = $2 order by 1`,
      [people.model, side],
    )
    return rows.map(([text]) => text ?? '')
  }
  const matched = async (): Promise<string[]> =>
    (await matchedRows(people.warehouse.session)).map((row) => row.replace(/ .*/, ''))
  const expectFeedFolds = async (): Promise<void> => {
    const table = await people.warehouse.session.query(
      'select to_jsonb(t)::text from warehouse.person_match t',
    )
    expect(await feedFold(people.warehouse.session, 'person_match')).toEqual(table.flat().sort())
  }

  it('leaves no record under an id that is not printed any more', async () => {
    await people.commit(retyped('user', 'id', 'text'))
    await people.commit(upsert('practice', { id: '1', town: 'york' }))
    await people.commit(person('1', 'ann', 'lee'), person('2', 'bob', 'li'))
    await people.commit(user('007', 'ann', 'lee'), user('8', 'bob', 'li'))
    await people.drain()
    expect(await matched()).toEqual(['1-007', '2-8'])
    await people.commit(retyped('user', 'id', 'integer'))
    await people.drain()
    expect(await records('r')).toEqual(['7 york', '8 york'])
    expect(await matched()).toEqual(['1-7', '2-8'])
    await expectFeedFolds()
  })

  it('of which values do not fit is read anew by the source, and nothing that waits stands in the way', async () => {
    await people.commit(retyped('person', 'id', 'text'))
    await people.commit(upsert('practice', { id: '1', town: 'york' }))
    await people.commit(person('a', 'ann', 'lee'), person('7', 'bob', 'li'), user('1', 'ann', 'lee'))
    await people.drain()
    await people.commit(person('b', 'bob', 'li'), { kind: 'delete', stream: 'person', key: ['a'] })
    await people.commit(retyped('person', 'id', 'bigint'))
    await people.commit({ kind: 'resync-begin', stream: 'person' }, person('7', 'ann', 'lee'), {
      kind: 'resync-end',
      stream: 'person',
    })
    await people.drain()
    expect(await records('l')).toEqual(['7 york'])
    expect(await matched()).toEqual(['7-1'])
    await expectFeedFolds()
  })

  it('of a joined row moves the records whose join finds another row, or none', async () => {
    await people.commit(retyped('person', 'practice_id', 'text'), retyped('practice', 'id', 'text'))
    await people.commit(
      upsert('practice', { id: '007', town: 'york' }),
      upsert('practice', { id: '8', town: 'hull' }),
    )
    const at = (id: string, practice: string): Change =>
      upsert('person', { id, first: 'ann', last: 'lee', practice_id: practice })
    await people.commit(at('1', '007'), at('2', '7'), at('3', '8'))
    await people.drain()
    expect(await records('l')).toEqual(['1 york', '2 ', '3 hull'])
    await people.commit(upsert('practice', { id: '8', town: 'leeds' }))
    await people.commit(retyped('practice', 'id', 'integer'))
    await people.drain()
    expect(await records('l')).toEqual(['1 ', '2 york', '3 leeds'])
    await people.commit(retyped('person', 'practice_id', 'integer'))
    await people.drain()
    expect(await records('l')).toEqual(['1 york', '2 york', '3 leeds'])
  })

  it.each(['user', 'practice'])(
    'of which values do not fit is shown again when %s was read anew',
    async (stream) => {
      await people.commit(
        upsert('practice', { id: '1', town: '8' }),
        upsert('practice', { id: '2', town: 'york' }),
      )
      const by = (id: string, practice: string, first: string): Change =>
        upsert('person', { id, first, last: 'lee', practice_id: practice })
      await people.commit(by('1', '1', 'ann'), by('2', '2', 'bob'), by('3', '2', 'cat'))
      const using = (id: string, first: string, town: string): Change =>
        upsert('user', { id, first, last: 'lee', town })
      await people.commit(using('1', 'ann', '8'), using('2', 'bob', 'york'), using('3', 'cat', 'york'))
      await people.drain()
      await people.commit(using('3', 'cat', 'hull'))
      await people.commit(retyped(stream, 'town', 'integer'))
      // One of its partners changes before it is its turn.
      await people.commit(by('2', '1', 'bob'), using('2', 'rob', '9'))
      await people.commit({ kind: 'resync-begin', stream }, ...(anew[stream] ?? []), {
        kind: 'resync-end',
        stream,
      })
      await people.drain()
      expect(await matched()).toEqual(['1-1', '2-2', '3-3'])
      expect(await records(stream === 'user' ? 'r' : 'l')).toEqual(
        stream === 'user' ? ['1 8', '2 9', '3 7'] : ['1 8', '2 8', '3 7'],
      )
      await expectFeedFolds()
    },
  )
})
