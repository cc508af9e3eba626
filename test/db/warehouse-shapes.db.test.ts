import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { life, person, schemas, upsert, user } from '../support/life.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { databasePerTest } from '../support/postgres.ts'
import { scriptedSource } from '../support/scripted-source.ts'

describe('changes of shape', () => {
  const database = databasePerTest()

  const retyped = (type: string): Column[] =>
    (peopleStreams['user'] ?? []).map((column) => (column.name === 'town' ? { ...column, type } : column))

  const townUser = (town: string): Change => upsert('user', { id: '1', first: 'ann', last: 'lee', town })

  const resync = (columns: Column[], row: Change): Change[] => [
    { kind: 'schema', stream: 'user', columns },
    { kind: 'resync-begin', stream: 'user' },
    row,
    { kind: 'resync-end', stream: 'user' },
  ]

  it('a retyped column is matched as a fresh warehouse would match it', async () => {
    await life(
      database.url,
      [peoplePlan],
      [...schemas, ...resync(retyped('numeric(10,2)'), townUser('1.50'))],
    )
    await life(database.url, [peoplePlan], resync(retyped('numeric(10,3)'), townUser('1.500')))
    expect(await database.admin.query(`select fields from syncline.match_record where side = 'r'`)).toEqual([
      ['{ann,lee,1.500}'],
    ])
  })

  it('a column whose old values do not fit its new type does not stop the stream for ever', async () => {
    await life(database.url, [], [...schemas, ...resync(retyped('text'), townUser('york'))])
    await life(database.url, [], resync(retyped('integer'), townUser('7')))
    expect(await database.admin.query(`select town from warehouse."user"`)).toEqual([['7']])
  })

  it('a column that comes back with another type takes its rows in', async () => {
    const without = (peopleStreams['user'] ?? []).filter(({ name }) => name !== 'town')
    await life(database.url, [], [...schemas, ...resync(retyped('integer'), townUser('7'))])
    await life(database.url, [], resync(without, upsert('user', { id: '1', first: 'ann', last: 'lee' })))
    await life(database.url, [], resync(retyped('text'), townUser('york')))
    expect(await database.admin.query(`select town from warehouse."user"`)).toEqual([['york']])
  })

  it('the cure for a changed key leaves no ghosts in the match', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')])
    const keyed = (peopleStreams['user'] ?? []).map((column): Column =>
      column.name === 'id'
        ? { ...column, keyPosition: null, nullable: true }
        : column.name === 'town'
          ? { ...column, keyPosition: 1, nullable: false }
          : column,
    )
    const changes: Change[] = [
      { kind: 'schema', stream: 'user', columns: keyed },
      { kind: 'resync-begin', stream: 'user' },
      {
        kind: 'upsert',
        stream: 'user',
        key: ['u-1'],
        row: { id: '1', first: 'ann', last: 'lee', town: 'u-1' },
      },
      { kind: 'resync-end', stream: 'user' },
    ]
    await expect(life(database.url, [peoplePlan], changes)).rejects.toMatchObject({ code: 'key-changed' })
    await database.admin.query('drop table warehouse."user" cascade')

    await life(database.url, [peoplePlan], changes)
    expect(await database.admin.query(`select id from syncline.match_record where side = 'r'`)).toEqual([
      ['u-1'],
    ])
  })

  it('matched fields of type json can be published', async () => {
    const columns = (peopleStreams['user'] ?? []).map((column) =>
      column.name === 'town' ? { ...column, type: 'json' } : column,
    )
    await life(
      database.url,
      [{ ...peoplePlan, single: [] }],
      [
        ...schemas,
        { kind: 'schema', stream: 'user', columns },
        person('1', 'ann', 'lee'),
        upsert('user', { id: '1', first: 'ann', last: 'lee', town: '{"a": 1}' }),
      ],
    )
  })

  it('streams with long names that begin alike do not mix', async () => {
    const long = (n: number): string => `${'x'.repeat(58)}_${n}`
    const columns = peopleStreams['practice'] ?? []
    const wider = peopleStreams['user'] ?? []
    const streams: Change[] = [
      { kind: 'schema', stream: long(1), columns },
      { kind: 'schema', stream: long(2), columns: wider },
      upsert(long(1), { id: '1', town: 'a' }),
      upsert(long(2), { id: '1', first: 'f', last: 'l', town: 't' }),
    ]
    await life(database.url, [], streams, {
      during: async ({ session, state }) => {
        const source = scriptedSource('s', [], [])
        const batch = {
          before: '1',
          after: '2',
          changes: [upsert(long(1), { id: '2', town: 'b' })],
          rejected: [],
          ledger: [],
          committedAt: null,
        }
        await commitBatch(session, source, batch, state)
      },
    })
  })
})
