import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import { upsert } from '../support/life.ts'
import { followPeople, type FollowedPeople } from '../support/live-match.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'

const limits = {
  ...{ inlineRecords: 50, inlineFanOut: 2, drainedRecords: 2, drainedWhileLoading: 2 },
  recordsPerPiece: 50,
}

/** More than a piece of them work at practice 1. */
const staff = Array.from({ length: 9 }, (_, at) =>
  upsert('person', { id: String(at + 1), first: 'ann', last: 'lee', practice_id: '1' }),
)

const practice = (row: Record<string, string | null>): Change => upsert('practice', { id: '1', ...row })

describe('a joined row with many records', () => {
  let people: FollowedPeople
  beforeEach(async () => {
    people = await followPeople(peoplePlan, limits)
  })
  afterEach(() => people.close())

  const towns = async (): Promise<string[]> => {
    const { session } = people.warehouse
    const rows = await session.query(
      `select distinct fields[3] from syncline.match_record where model = $1 and side = 'l' order by 1`,
      [people.model],
    )
    return rows.map(([town]) => town ?? '')
  }
  const waiting = async (): Promise<string | null | undefined> =>
    (await people.warehouse.session.one('select count(*) from syncline.match_fan_out'))[0]

  it('that changes before they are all re-matched does not begin with them anew', async () => {
    await people.commit(practice({ town: 'before' }), ...staff)
    await people.drain()
    expect(await towns()).toEqual(['before'])
    const since = new Set<string | null | undefined>()
    for (let change = 0; change < staff.length; change++) {
      await people.commit(practice({ town: `town ${change}` }))
      const [queuedAt] = await people.warehouse.session.one('select queued_at from syncline.match_fan_out')
      since.add(queuedAt)
      await people.drainPiece()
    }
    // Its age is not that of a pass that came to its end.
    expect(since.size).toBe(2)
    expect(await towns()).not.toContain('before')
    await people.drain()
    expect(await towns()).toEqual([`town ${staff.length - 1}`])
    expect(await people.warehouse.session.query('select from syncline.match_cause')).toEqual([])
  })

  it('of which nothing changes that they take re-matches none of them', async () => {
    const columns = peopleStreams['practice'] ?? []
    const phone = { name: 'phone', type: 'text', nullable: true, keyPosition: null, comment: null }
    await people.commit({ kind: 'schema', stream: 'practice', columns: [...columns, phone] })
    await people.commit(practice({ town: 'york', phone: '1' }), ...staff)
    await people.drain()
    await people.commit(practice({ town: 'york', phone: '2' }))
    expect(await waiting()).toBe('0')
    await people.commit(practice({ town: 'leeds', phone: '2' }))
    expect(await waiting()).toBe('1')
    await people.drain()
    expect(await towns()).toEqual(['leeds'])
  })

  it('is put off without a look at all of them, however many', async () => {
    const crowd = Array.from({ length: 1_000 }, (_, at) =>
      upsert('person', { id: String(at + 1), first: 'ann', last: `lee ${at}`, practice_id: '1' }),
    )
    await people.commit(practice({ town: 'york' }), ...crowd)
    await people.drain(crowd.length)
    const read = async (): Promise<number> => {
      const [rows] = await people.warehouse.session
        .one(
          `select pg_stat_force_next_flush(), sum(idx_tup_read) + max(t.seq_tup_read)
           from pg_stat_user_indexes i join pg_stat_user_tables t using (relid)
          where i.schemaname = 'warehouse' and i.relname = 'person'`,
        )
        .then((row) => row.slice(1))
      return Number(rows)
    }
    await read()
    const before = await read()
    await people.commit(practice({ town: 'leeds' }))
    await read()
    expect((await read()) - before).toBeLessThan(100)
    expect(await waiting()).toBe('1')
  })
})

describe('a column that gets another type, of a stream with many records', () => {
  let people: FollowedPeople
  beforeEach(async () => {
    people = await followPeople(peoplePlan, limits)
  })
  afterEach(() => people.close())

  const crowd = Array.from({ length: 60 }, (_, at) =>
    upsert('person', { id: String(at + 1), first: 'ann', last: 'lee', practice_id: '1' }),
  )
  const retyped = (stream: string, name: string, type: string): Change => ({
    kind: 'schema',
    stream,
    columns: (peopleStreams[stream] ?? []).map((column) =>
      column.name === name ? { ...column, type } : column,
    ),
  })

  it.each([
    ['person', 'last', 'varchar(3)'],
    ['person', 'id', 'bigint'],
    ['practice', 'town', 'varchar(4)'],
  ])('puts them off as one line, however many: %s.%s', async (stream, name, type) => {
    const { session } = people.warehouse
    await people.commit(
      practice({ town: 'york' }),
      ...crowd,
      upsert('person', { id: '61', first: 'bob', last: 'li' }),
    )
    await people.drain(61)
    await people.commit(retyped(stream, name, type))
    expect(await session.query('select side, place, key from syncline.match_fan_out')).toEqual([
      ['l', '-1', ''],
    ])
    expect(await session.query('select from syncline.match_queue')).toEqual([])
    // What changes while they wait, before and behind the place where the pass is, counts at once.
    await people.drainPiece()
    await people.commit(
      { kind: 'delete', stream: 'person', key: ['1'] },
      { kind: 'delete', stream: 'person', key: ['60'] },
      upsert('person', { id: '62', first: 'cat', last: 'lu', practice_id: '1' }),
    )
    await people.drain(61)
    const [records] = await session.one(
      `select string_agg(id || ' ' || fields[2] || coalesce(' ' || fields[3], ''), ', ' order by id::integer)
         from syncline.match_record where model = $1 and side = 'l'`,
      [people.model],
    )
    const staying = crowd.slice(1, -1).map((_, at) => `${at + 2} lee york`)
    expect(records).toBe([...staying, '61 li', '62 lu york'].join(', '))
    expect(await session.query('select from syncline.match_fan_out')).toEqual([])
    expect(await session.query('select from syncline.match_cause')).toEqual([])
  })
})
