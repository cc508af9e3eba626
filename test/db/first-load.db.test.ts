import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import { copyInto } from '../../src/state/copy.ts'
import { BinaryRows } from '../../src/state/binary-rows.ts'
import { readPosition } from '../../src/state/positions.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch, commitBatches } from '../../src/warehouse/commit.ts'
import { life, person, schemas, upsert, user } from '../support/life.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { databasePerTest } from '../support/postgres.ts'
import { scriptedBatches, scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

/** Everything that Postgres can hold in a text: no U+0000, no half of a surrogate pair. */
const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\u0000'))

describe('rows travel to the server unchanged', () => {
  const database = databasePerTest()
  beforeEach(() =>
    database.admin.query('create table t (n integer, key bigint, side "char", id text, fields text[])'),
  )

  it('as binary rows', async () => {
    const row = fc.record({
      n: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      key: fc.maxSafeNat(),
      side: fc.constantFrom('l', 'r'),
      id: text,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 50 }), fc.nat(40_000), async (rows, padding) => {
        const sent = rows.map((one) => ({ ...one, id: one.id + 'é'.repeat(padding) }))
        const binary = new BinaryRows()
        for (const { n, key, side, id } of sent) {
          binary.begin(4)
          binary.integer(n)
          binary.bigint(key)
          binary.text(side)
          binary.text(id)
        }
        await database.admin.query('truncate t')
        await database.admin.copy('copy t (n, key, side, id) from stdin (format binary)', binary.end())
        const got = await database.admin.query('select n, key, side, id from t order by ctid')
        expect(got).toEqual(sent.map(({ n, key, side, id }) => [String(n), String(key), side, id]))
      }),
      { numRuns: 40 },
    )
  })

  it('as arrays in binary rows', async () => {
    const array = fc.array(
      fc.option(fc.oneof(text, fc.constantFrom('', 'NULL', '"', '\\', '{a,b}', '\t\n'))),
      { maxLength: 5 },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(array, { minLength: 1, maxLength: 20 }), async (rows) => {
        const binary = new BinaryRows()
        for (const row of rows) {
          binary.begin(1)
          binary.textArray(row)
        }
        await database.admin.query('truncate t')
        await database.admin.copy('copy t (fields) from stdin (format binary)', binary.end())
        const got = await database.admin.query('select array_to_json(fields) from t order by ctid')
        expect(got.map(([line]) => JSON.parse(line ?? '') as unknown)).toEqual(rows)
      }),
      { numRuns: 100 },
    )
  })

  it('as text', async () => {
    const value = fc.option(fc.oneof(text, fc.constantFrom('', '\\N', 'NULL', '\\', '\t', '\n', '\r\n')))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(value, value), { maxLength: 20 }), async (rows) => {
        await database.admin.query('drop table if exists two; create table two (a text, b text)')
        await copyInto(database.admin, 'two (a, b)', rows)
        expect(await database.admin.query('select a, b from two order by ctid')).toEqual(rows)
      }),
      { numRuns: 60 },
    )
  })
})

describe('a first load', () => {
  const database = databasePerTest()
  const around = (stream: string, inner: Change[]): Change[] => [
    { kind: 'resync-begin', stream },
    ...inner,
    { kind: 'resync-end', stream },
  ]
  const state = async (): Promise<unknown> =>
    Promise.all(
      [
        'select * from warehouse.person order by id',
        'select * from warehouse."user" order by id',
        'select side, id, fields from syncline.match_record order by 1, 2',
        'select side, key, id from syncline.match_key order by 1, 2, 3',
        'select side, id, partner, score from syncline.match_pair order by 1, 2, 3',
        'select person_id, user_id from warehouse.person_match order by 1',
      ].map((sql) => database.admin.query(sql)),
    )
  const people = [person('1', 'ann', 'lee'), person('2', 'bob "b"', 'o\\day'), person('3', 'cid', 'ray')]
  const users = [user('1', 'ann', 'lee'), user('2', 'bob "b"', 'o\\day'), user('4', 'cid', 'ray')]
  const orphan = upsert('person', { id: '4', first: 'dee', last: null, practice_id: null })

  const refused = upsert('person', { id: '5', first: 'x\u0000', last: 'y', practice_id: '1' })
  /** Shapes and the practice are there, and nothing waits: rows that come next may take the short way. */
  const begin = (): Promise<void> => life(database.url, [peoplePlan], schemas, { killed: true })
  /** The records of each side that are in memory; null where rows took the long way. */
  const inMemory = ({ state }: TestWarehouse): (number | null)[] =>
    (['l', 'r'] as const).map((side) => state.matches[0]?.keys[side].resident?.count ?? null)

  it('leaves the same state as rows that come one after the other', async () => {
    await life(database.url, [peoplePlan], [...schemas, ...people, orphan, ...users])
    const expected = await state()
    await database.admin.query('drop schema syncline, warehouse cascade')
    await begin()
    await life(
      database.url,
      [peoplePlan],
      [...around('person', [...people, orphan]), ...around('user', users)],
      {
        during: (warehouse) => {
          expect(inMemory(warehouse)).toEqual([4, 3])
          return Promise.resolve()
        },
      },
    )
    expect(await state()).toEqual(expected)
  })

  it('takes a record that comes twice, and one that Postgres refuses, the long way', async () => {
    await life(database.url, [peoplePlan], [...schemas, ...people, orphan, ...users])
    const expected = await state()
    await database.admin.query('drop schema syncline, warehouse cascade')
    await begin()
    const old: Change[] = [{ kind: 'resync-begin', stream: 'person' }, person('1', 'old', 'name')]
    await life(database.url, [peoplePlan], old, { killed: true })
    await life(database.url, [peoplePlan], [...people, orphan, refused, ...around('user', users)])
    expect(await state()).toEqual(expected)
    expect(await database.admin.query('select id from syncline.dead_letter')).toEqual([['5']])
  })

  it('leaves the same state when its batches are committed together, refused rows among them', async () => {
    const ends = [...around('person', []), ...around('user', [])].filter(({ kind }) => kind === 'resync-end')
    await life(database.url, [peoplePlan], [...schemas, ...people, orphan, ...users])
    const expected = await state()
    for (const [rows, letters, loaded] of [
      [[...people, orphan, ...users], [], [4, 3]],
      [[...users, person('1', 'old', 'name'), refused, ...people, orphan], [['5']], [null, 3]],
    ] as const) {
      await database.admin.query('drop schema syncline, warehouse cascade')
      await begin()
      const begins: Change[] = ['person', 'user'].map((stream) => ({ kind: 'resync-begin', stream }))
      const warehouse = await openTestWarehouse(database.url, [peoplePlan])
      const source = scriptedSource('s', Object.keys(peopleStreams), [])
      const [first, ...others] = scriptedBatches(
        [{ changes: begins }, ...rows.map((row) => ({ changes: [row] }))],
        1,
      )
      const all = { source, first: first ?? expect.fail(), next: () => others.shift() ?? null }
      expect(await commitBatches(warehouse.session, all, warehouse.state)).toBe(true)
      expect(inMemory(warehouse)).toEqual(loaded)
      expect(await readPosition(warehouse.session, 's')).toBe(String(rows.length + 2))
      await warehouse.close()
      await life(database.url, [peoplePlan], ends)
      expect(await state()).toEqual(expected)
      expect(await database.admin.query('select id from syncline.dead_letter')).toEqual(letters)
    }
  })

  it('heeds what reviewers decided before', async () => {
    const cannot = `insert into syncline.match_decision (match, left_id, right_id, verdict, decided_by)
                    values ('person_match', '1', '1', 'cannot', 'me'), ('person_match', '3', '1', 'must', 'me')`
    await begin()
    await database.admin.query(cannot)
    await life(database.url, [peoplePlan], [...around('person', people), ...around('user', users)], {
      during: (warehouse) => {
        expect(inMemory(warehouse)).toEqual([3, 3])
        return Promise.resolve()
      },
    })
    expect(
      await database.admin.query('select person_id, user_id from warehouse.person_match order by 1'),
    ).toEqual([
      ['2', '2'],
      ['3', '1'],
    ])
  })

  it('ends with the error of a look-up that failed, not with that of what was sent behind it', async () => {
    await begin()
    const warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const blocker = await Session.connect({ url: database.url, applicationName: 'blocker' })
    const source = scriptedSource('s', Object.keys(peopleStreams), [])
    const [first] = scriptedBatches([{ changes: around('person', people) }], 1)
    await warehouse.session.query("set lock_timeout = '200ms'")
    const committed = blocker.transaction(async () => {
      await blocker.query('lock table warehouse.practice in access exclusive mode')
      await commitBatch(warehouse.session, source, first ?? expect.fail(), warehouse.state)
    })
    await expect(committed).rejects.toThrow(/lock timeout/)
    await blocker.close()
    await warehouse.close()
  })

  it.each([
    ['of rows that are loaded', true, 54_000],
    ['of other changes', false, 27_000],
  ])('does not let a commit %s grow without end', async (_, loaded, rows) => {
    const warehouse = await openTestWarehouse(database.url, [])
    const source = scriptedSource('s', Object.keys(peopleStreams), [])
    const many = (from: number): Change[] =>
      Array.from({ length: 9_000 }, (_, i) => user(String(from + i), 'ann', 'lee'))
    const begins: Change[] = loaded ? [{ kind: 'resync-begin', stream: 'user' }] : []
    const [first, ...others] = scriptedBatches([
      { changes: [...schemas, ...begins] },
      ...Array.from({ length: 8 }, (_, i) => ({ changes: many(i * 9_000) })),
    ])
    const all = { source, first: first ?? expect.fail(), next: () => others.shift() ?? null }
    expect(await commitBatches(warehouse.session, all, warehouse.state)).toBe(true)
    await warehouse.close()
    expect(await database.admin.query('select count(*) from warehouse."user"')).toEqual([[String(rows)]])
  })

  it('after a truncate does not take records for new that are still to be re-matched', async () => {
    const changed = [person('1', 'ann', 'lea'), person('7', 'cid', 'ray')]
    await life(database.url, [peoplePlan], [...schemas, ...changed, ...users])
    const expected = await state()
    await database.admin.query('drop schema syncline, warehouse cascade')
    await life(
      database.url,
      [peoplePlan],
      [...schemas, ...around('person', people), ...around('user', users)],
      {
        killed: true,
      },
    )
    await life(
      database.url,
      [peoplePlan],
      [{ kind: 'truncate', stream: 'person' }, ...around('person', changed)],
    )
    expect(await state()).toEqual(expected)
  })
})
