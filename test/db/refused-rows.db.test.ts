import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { longestId } from '../../src/state/record-id.ts'
import { life, person, schemas, upsert, user } from '../support/life.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { databasePerTest } from '../support/postgres.ts'

describe('rows that Postgres refuses', () => {
  const database = databasePerTest()

  const around = (stream: string, inner: Change[]): Change[] => [
    { kind: 'resync-begin', stream },
    ...inner,
    { kind: 'resync-end', stream },
  ]

  it('a record that Postgres refuses again keeps its dead letter', async () => {
    for (let i = 0; i < 3; i++) {
      await life(
        database.url,
        [],
        [...schemas, upsert('person', { id: '1', first: 'x', last: 'y', practice_id: 'not a number' })],
      )
    }
    const letters = await database.admin.query('select id, times, closed_by from syncline.dead_letter')
    expect(letters).toEqual([['1', '3', null]])
  })

  it('a dead letter of a record that the source has no more is closed by the resync', async () => {
    await life(database.url, [], [...schemas, ...around('user', [user('1', 'a', 'b')])], {
      rejected: [{ stream: 'user', key: ['2'], code: 'c', reason: 'r', raw: '{}' }],
    })
    await life(database.url, [], around('user', [user('1', 'a', 'b')]))
    expect(await database.admin.query('select id from syncline.dead_letter where closed_at is null')).toEqual(
      [],
    )
  })

  it('a table that is emptied has no dead letters, whether they were there before or came in the same batch', async () => {
    const bad = (id: string): Change =>
      upsert('person', { id, first: 'x', last: 'y', practice_id: 'not a number' })
    await life(database.url, [], [...schemas, bad('1')], {
      rejected: [{ stream: 'person', key: ['2'], code: 'c', reason: 'r', raw: '{}' }],
    })
    await life(database.url, [], [bad('3'), { kind: 'truncate', stream: 'person' }])
    expect(await database.admin.query('select id from syncline.dead_letter where closed_at is null')).toEqual(
      [],
    )
  })

  const keyed: Column[] = [
    { name: 'id', type: 'text', nullable: false, keyPosition: 1, comment: null },
    { name: 'data', type: 'json', nullable: true, keyPosition: null, comment: null },
  ]

  it('a key too long for an index is a dead letter and does not stop the stream', async () => {
    const id = Array.from({ length: 3_000 }, () =>
      String.fromCodePoint(0x4e00 + Math.floor(Math.random() * 20_000)),
    ).join('')
    await life(
      database.url,
      [],
      [
        { kind: 'schema', stream: 'keyed', columns: keyed },
        upsert('keyed', { id, data: null }),
        upsert('keyed', { id: 'good', data: null }),
      ],
    )
    expect(await database.admin.query('select id from warehouse.keyed')).toEqual([['good']])
  })

  /** Text that Postgres cannot make shorter. */
  const dense = (length: number): string =>
    Array.from({ length }, () => String.fromCodePoint(33 + Math.floor(Math.random() * 90))).join('')

  const texts = (stream: string): Change => ({
    kind: 'schema',
    stream,
    columns: (peopleStreams[stream] ?? []).map((column): Column =>
      column.name === 'id' ? { ...column, type: 'text' } : column,
    ),
  })
  const letters = (): Promise<(string | null)[][]> =>
    database.admin.query(
      `select stream, code, closed_by from syncline.dead_letter order by stream, first_seen_at`,
    )

  it.each([1_300, 2_500, 2_690, 5_000])(
    'a key of %i characters is a dead letter that does not stop the match, a resync or the deletion of its record',
    async (length) => {
      const [left, right] = [dense(length), dense(length)]
      const bad = [person(left, 'ann', 'lee'), user(right, 'ann', 'lee')]
      const good = [person('1', 'ann', 'lee'), user('1', 'ann', 'lee')]
      await life(database.url, [peoplePlan], [...schemas, texts('person'), texts('user'), ...good])
      await life(database.url, [peoplePlan], bad)
      const resync = [...around('person', bad.slice(0, 1)), ...around('user', bad.slice(1))]
      for (const change of resync) await life(database.url, [peoplePlan], [change, ...good])
      expect(await letters()).toEqual([
        ['person', 'key-too-long', null],
        ['user', 'key-too-long', null],
      ])
      expect(await database.admin.query('select person_id, user_id from warehouse.person_match')).toEqual([
        ['1', '1'],
      ])
      await life(
        database.url,
        [peoplePlan],
        [
          { kind: 'delete', stream: 'person', key: [left] },
          { kind: 'delete', stream: 'user', key: [right] },
        ],
      )
      expect((await letters()).map(([, , closed]) => closed)).toEqual(['superseded', 'superseded'])
    },
  )

  it('a key of as many bytes as are taken in is matched with one as long', async () => {
    const [left, right] = [dense(longestId), dense(longestId)]
    await life(database.url, [peoplePlan], [...schemas, texts('person'), texts('user')])
    await life(database.url, [peoplePlan], [person(left, 'ann', 'lee'), user(right, 'ann', 'lee')])
    expect(await database.admin.query('select person_id, user_id from warehouse.person_match')).toEqual([
      [left, right],
    ])
    expect(await letters()).toEqual([])
  })

  it('a row that an earlier release took in under a long key goes when the source deletes it', async () => {
    const id = 'x'.repeat(2_000)
    await life(database.url, [], [...schemas, texts('person'), person('1', 'ann', 'lee')])
    await database.admin.query(`update warehouse.person set id = '${id}'`)
    await life(database.url, [], [{ kind: 'delete', stream: 'person', key: [id] }])
    expect(await database.admin.query('select count(*) from warehouse.person')).toEqual([['0']])
  })

  it.each([
    ['text', 'text', dense(5_000)],
    ['varchar(6000)', 'integer', dense(5_000)],
    ['bytea', 'bytea', `\\x${randomBytes(5_000).toString('hex')}`],
  ])(
    'a joining column of type %s with a longer value than any key of type %s joins nothing, before and while a match is live',
    async (own, key, value) => {
      const shape = (stream: string, name: string, type: string): Change => ({
        kind: 'schema',
        stream,
        columns: (peopleStreams[stream] ?? []).map((column): Column =>
          column.name === name ? { ...column, type } : column,
        ),
      })
      const at = (id: string, practice: string): Change =>
        upsert('person', { id, first: 'ann', last: 'lee', practice_id: practice })
      const shapes = [shape('person', 'practice_id', own), shape('practice', 'id', key)]
      await life(database.url, [peoplePlan], [...schemas, ...shapes, at('1', value)])
      await life(database.url, [peoplePlan], [at('1', value), at('2', value)])
      expect(await letters()).toEqual([])
      expect(
        await database.admin.query(`select id from syncline.match_record where side = 'l' order by id`),
      ).toEqual([['1'], ['2']])
    },
  )

  it('JSON too deep for Postgres is a dead letter and does not stop the stream', async () => {
    const data = '['.repeat(50_000) + ']'.repeat(50_000)
    await life(
      database.url,
      [],
      [
        { kind: 'schema', stream: 'keyed', columns: keyed },
        upsert('keyed', { id: 'deep', data }),
        upsert('keyed', { id: 'good', data: null }),
      ],
    )
    expect(await database.admin.query('select id from warehouse.keyed')).toEqual([['good']])
  })
})
