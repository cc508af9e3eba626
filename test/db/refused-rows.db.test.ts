import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { life, schemas, upsert, user } from '../support/life.ts'
import { databasePerTest } from '../support/postgres.ts'

describe('rows that Postgres refuses', () => {
  const database = databasePerTest()

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
    const around = (inner: Change[]): Change[] => [
      { kind: 'resync-begin', stream: 'user' },
      ...inner,
      { kind: 'resync-end', stream: 'user' },
    ]
    await life(database.url, [], [...schemas, ...around([user('1', 'a', 'b')])], {
      rejected: [{ stream: 'user', key: ['2'], code: 'c', reason: 'r', raw: '{}' }],
    })
    await life(database.url, [], around([user('1', 'a', 'b')]))
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
