import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { joinSqlOf } from '../../src/warehouse/joined-sql.ts'
import { upsert } from '../support/life.ts'
import { followPeople, type FollowedPeople } from '../support/live-match.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'

const limits = {
  ...{ inlineRecords: 50, inlineFanOut: 2, drainedRecords: 50, drainedWhileLoading: 50 },
  recordsPerPiece: 50,
}

const isText = (type: string): boolean => /^(text|varchar)/.test(type)

const shape = (stream: string, name: string, type: string): Change => ({
  kind: 'schema',
  stream,
  columns: (peopleStreams[stream] ?? []).map((column): Column =>
    column.name === name ? { ...column, type } : column,
  ),
})

describe.each([
  ['integer', 'integer', '7'],
  ['integer', 'bigint', '7'],
  ['bigint', 'smallint', '7'],
  ['numeric(20,0)', 'bigint', '7'],
  ['integer', 'varchar(20)', '7'],
  ['text', 'bigint', '7'],
  ['text', 'text', 'é 7'],
  ['varchar(20)', 'text', 'é 7'],
  ['uuid', 'text', '6fa459ea-ee8a-3ca4-894e-db77e160355e'],
])('a join of a column of type %s with a key of type %s', (own, key, value) => {
  let followed: FollowedPeople
  beforeEach(async () => {
    followed = await followPeople(peoplePlan, limits)
  })
  afterEach(() => followed.close())

  it('finds records and joined rows by an index, and puts many of them off', async () => {
    const { session, state } = followed.warehouse
    const practice = (town: string): Change => upsert('practice', { id: value, town })
    const people = [1, 2, 3, 4].map((id) =>
      upsert('person', { id: String(id), first: 'ann', last: 'lee', practice_id: value }),
    )
    await followed.commit(shape('person', 'practice_id', own), shape('practice', 'id', key))
    await followed.commit(practice('york'), ...people)
    await followed.drain()
    await followed.commit(practice('leeds'))
    expect(await session.query('select key from syncline.match_fan_out')).toEqual([[value]])
    await followed.drain()
    expect(
      await session.query(`select distinct fields[3] from syncline.match_record where side = 'l'`),
    ).toEqual([['leeds']])

    const [join] = peoplePlan.left.joins
    const sql = join && joinSqlOf(peoplePlan.left, join, state.mirrors)
    if (!sql) return expect.fail()
    // Read as a whole only if there is no other way.
    await session.query('set enable_seqscan = off')
    const plans = [
      `select from warehouse.person base where ${sql.own('base')} = ${sql.value(`'${value}'`)}`,
      `select from warehouse.person base cross join lateral (
         select from warehouse.practice joined where ${sql.joined('joined')} = ${sql.value(sql.own('base'))} offset 0) j
        where base.id = 1`,
    ]
    for (const plan of plans) {
      const lines = (await session.query(`explain (costs off) ${plan}`)).flat().join('\n')
      expect(lines).not.toContain('Seq Scan')
      expect(lines).toContain('Index Cond')
    }
    const [, joined] = plans
    const plan = (await session.query(`explain (costs off) ${joined}`)).flat().join('\n')
    // While tables are filled there are no other indexes than those of the keys.
    if (own === key || isText(key)) expect(plan).toContain('practice_pkey')
  })
})
