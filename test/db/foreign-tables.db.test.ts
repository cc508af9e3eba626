import { beforeEach, describe, expect, it } from 'vitest'
import { analyze } from '../../src/warehouse/statistics.ts'
import { life, person, schemas, user } from '../support/life.ts'
import { peoplePlan } from '../support/people-match.ts'
import { databasePerTest } from '../support/postgres.ts'

describe('tables of the warehouse', () => {
  const database = databasePerTest()
  beforeEach(() => database.admin.query('create schema warehouse'))

  it('that somebody else made are not taken for mirrors, even if they are alike', async () => {
    await database.admin.query(
      `create table warehouse.practice (id integer primary key, town text);
       insert into warehouse.practice values (7, 'theirs')`,
    )
    await expect(life(database.url, [], schemas)).rejects.toMatchObject({
      code: 'table-not-ours',
      message: expect.stringContaining('"warehouse"."practice"') as string,
      hint: expect.stringContaining('rename or drop it') as string,
    })
    expect(await database.admin.query('select * from warehouse.practice')).toEqual([['7', 'theirs']])
    await database.admin.query('drop table warehouse.practice')
    await life(database.url, [], schemas)
  })

  it('that somebody else made in the schema that is used from now on are not taken for mirrors', async () => {
    await life(database.url, [], schemas)
    await database.admin.query('alter schema warehouse rename to former')
    await database.admin.query(
      'create schema warehouse; create table warehouse.practice (id integer primary key, town text)',
    )
    await database.admin.query(`update syncline.made set schema = 'former'`)
    await expect(life(database.url, [], schemas)).rejects.toMatchObject({ code: 'table-not-ours' })
  })

  it('that somebody else made are not taken for matches', async () => {
    await database.admin.query(
      `create table warehouse.person_match (a text); insert into warehouse.person_match values ('theirs')`,
    )
    const changes = [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')]
    await expect(life(database.url, [peoplePlan], changes)).rejects.toMatchObject({ code: 'table-not-ours' })
    expect(await database.admin.query('select * from warehouse.person_match')).toEqual([['theirs']])
  })

  it('have statistics while a match is built, the keys of each side too', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')], {
      killed: true,
      during: ({ session, state }) => analyze(session, state),
    })
    const rows = await database.admin.query(
      `select distinct tablename from pg_stats where schemaname = 'syncline' and tablename like 'match_key%' order by 1`,
    )
    expect(rows.flat()).toEqual(['match_key_1_l', 'match_key_1_r'])
  })
})
