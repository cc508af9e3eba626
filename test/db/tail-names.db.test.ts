import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mysqlServers, testSchema, type TestSchema } from './cdc-fixture.ts'
import { type Follower, followersPerTest, expectSame, readings } from './tail-fixture.ts'

describe.each(mysqlServers)('statements of any character set on $flavour', ({ url }) => {
  let schema: TestSchema
  const { follow } = followersPerTest()
  beforeAll(async () => {
    schema = await testSchema(url)
  })
  afterAll(() => schema.drop())

  async function following(...tables: string[]): Promise<Follower> {
    const follower = follow(schema, tables)
    await follower.caughtUp(schema)
    return follower
  }

  async function execute(charset: string, statements: readonly string[]): Promise<void> {
    const session = await mysql.createConnection({ uri: schema.url, charset })
    for (const statement of statements) await session.query(statement)
    await session.end()
  }

  test.each([
    ['latin1', 'LATIN1_SWEDISH_CI', 'été'],
    ['cp1251', 'CP1251_GENERAL_CI', 'жук'],
    ['sjis', 'SJIS_JAPANESE_CI', '表能'],
    ['utf8mb4', 'UTF8MB4_GENERAL_CI', 'été_表'],
  ])(
    'a table with letters beyond ASCII is recognised in a session that speaks %s',
    async (name, charset, word) => {
      const [table, other] = [`${word}_1`, `other_${name}`]
      await schema.execute(
        `create table \`${table}\` (id int primary key, v int); create table ${other} (id int primary key)`,
      )
      await schema.execute(`insert into \`${table}\` values (1, 1), (2, 2)`)
      const follower = await following(table, other)
      await execute(charset, [`alter table \`${table}\` add column w int not null default 7`])
      await expectSame(follower, schema, table)
      await execute(charset, [`truncate table ${table}`])
      await expectSame(follower, schema, table)
      expect(readings(follower).toSorted()).toEqual([table, table, other].toSorted())
      await execute(charset, [`drop table ${table}`])
      await follower.caughtUp(schema)
      expect(follower.source.status?.().stopped.get(table)).toContain('was dropped')
    },
  )

  test('a statement that cannot be decoded has everything read again', async () => {
    await schema.execute(
      'create table odd (id int primary key, v int); create table even (id int primary key); insert into odd values (1, 1)',
    )
    const follower = await following('odd', 'even')
    const session = await mysql.createConnection({ uri: schema.url, charset: 'UTF8MB4_GENERAL_CI' })
    // Declares one character set and sends another.
    Object.assign(session.config, { charsetNumber: 8 })
    await session.query('alter table odd add column w int not null default 7 /* é */')
    await session.end()
    await expectSame(follower, schema, 'odd')
    expect(readings(follower).toSorted()).toEqual(['even', 'even', 'odd', 'odd'])
  })
})
