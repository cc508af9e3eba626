import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mysqlServers, schemaApart, type TestSchema } from './cdc-fixture.ts'
import { followersPerTest, newTable, expectSame, readings } from './tail-fixture.ts'

describe.each(mysqlServers)('XA transactions of $flavour', ({ flavour }) => {
  let schema: TestSchema
  const { follow, followNew } = followersPerTest()
  beforeAll(async () => {
    schema = await schemaApart(flavour)
  })
  afterAll(() => schema.drop())

  test('prepared rows count from their commit on, and never if they are rolled back', async () => {
    const { table, follower } = await followNew(schema, '(id int primary key, v int)')
    await schema.execute(
      `xa start 'a','b',7; insert into ${table} values (1, 1); xa end 'a','b',7; xa prepare 'a','b',7`,
    )
    await follower.caughtUp(schema)
    expect(follower.mirror.rows(table)).toEqual([])
    await schema.execute(`xa commit 'a','b',7`)
    await schema.execute(`xa start 'r'; insert into ${table} values (2, 2); xa end 'r'; xa prepare 'r'`)
    await schema.execute(`xa rollback 'r'`)
    await schema.execute(
      `xa start 'o'; insert into ${table} values (3, 3); xa end 'o'; xa commit 'o' one phase`,
    )
    await expectSame(follower, schema, table)
    expect(follower.mirror.rows(table)).toHaveLength(2)
    expect(readings(follower)).toHaveLength(1)
  })

  test('what was prepared before a restart is not lost when it commits after it', async () => {
    const { table, follower } = await followNew(schema, '(id int primary key, v int)')
    const session = await mysql.createConnection({ uri: schema.url, multipleStatements: true })
    await session.query(
      `xa start 'late'; insert into ${table} values (1, 1); xa end 'late'; xa prepare 'late'`,
    )
    await follower.caughtUp(schema)
    await follower.stop()
    await session.query(`xa commit 'late'`)
    await session.end()
    const again = follow(schema, [table], { mirror: follower.mirror })
    await expectSame(again, schema, table)
    expect(again.mirror.rows(table)).toHaveLength(1)
  })

  test('what was prepared before a restart has its own tables read again, and no others', async () => {
    const { table: other, follower } = await followNew(schema, '(id int primary key)')
    const mine = await newTable(schema, '(id int primary key)')
    await follower.stop()
    const { mirror } = follower
    const first = follow(schema, [other, mine], { mirror })
    await first.caughtUp(schema)
    const session = await mysql.createConnection({ uri: schema.url, multipleStatements: true })
    await session.query(`xa start 'mine'; insert into ${mine} values (1); xa end 'mine'; xa prepare 'mine'`)
    await first.caughtUp(schema)
    await first.stop()
    await session.query(`xa commit 'mine'`)
    await session.end()
    const again = follow(schema, [other, mine], { mirror })
    await expectSame(again, schema, mine)
    expect(readings(again)).toHaveLength(1)
    expect(mirror.ledgerKeys().filter((key) => key.startsWith('xa/'))).toEqual([])
  })

  /** In a session of its own, which may commit it or roll it back. */
  async function prepare(
    xid: string,
    work: string,
    settings: readonly string[] = [],
  ): Promise<(end: 'commit' | 'rollback') => Promise<void>> {
    const session = await mysql.createConnection({ uri: schema.url, multipleStatements: true })
    for (const setting of settings) await session.query(setting)
    await session.query(`xa start '${xid}'; ${work}; xa end '${xid}'; xa prepare '${xid}'`)
    return async (end) => {
      await session.query(`xa ${end} '${xid}'`)
      await session.end()
    }
  }

  /** Larger than any batch of `tiny`. */
  const manyRows = (table: string, from: number): string => {
    const rows = Array.from({ length: 400 }, (_, n) => `(${from + n}, ${n})`)
    return `insert into ${table} values ${rows.join(', ')}; insert into ${table} values (${from + 999}, 0)`
  }
  const tiny = { batchBytes: 5_000 }

  test('one that is larger than a batch counts from its commit on, and never if it is rolled back', async () => {
    const { table } = await followNew(schema, '(id int primary key, v int)')
    const follower = follow(schema, [table], tiny)
    await follower.caughtUp(schema)
    const gone = await prepare('gone', manyRows(table, 0))
    await follower.caughtUp(schema)
    expect(follower.mirror.rows(table)).toEqual([])
    await gone('rollback')
    await schema.execute(`insert into ${table} values (-1, 0)`)
    await expectSame(follower, schema, table)
    expect(readings(follower)).toHaveLength(1)
    const kept = await prepare('kept', manyRows(table, 1_000))
    await follower.caughtUp(schema)
    expect(follower.mirror.rows(table)).toHaveLength(1)
    await kept('commit')
    await expectSame(follower, schema, table)
    expect(follower.mirror.rows(table)).toHaveLength(402)
    await schema.execute(
      `xa start 'once'; ${manyRows(table, 2_000)}; xa end 'once'; xa commit 'once' one phase`,
    )
    await expectSame(follower, schema, table)
    expect(follower.batches.filter(({ rest }) => rest !== undefined && schema.flavour === 'mysql')).toEqual(
      [],
    )
  })

  test('what is prepared while its table is not read yet is not lost', async () => {
    const { table, follower: first } = await followNew(schema, '(id int primary key, v int)')
    await first.stop()
    const late = await newTable(schema, '(id int primary key, v int)')
    await schema.execute(`insert into ${late} values (1, 1)`)
    // One table is read after the other: when the transaction comes the second one waits, or is not known at all.
    const between = follow(schema, [table], { mirror: first.mirror })
    const early = await prepare(
      'early',
      `insert into ${late} values (2, 2); insert into ${table} values (2, 2)`,
    )
    await between.caughtUp(schema)
    await between.stop()
    const both = follow(schema, [table, late], { mirror: first.mirror })
    await both.caughtUp(schema)
    await early('commit')
    await expectSame(both, schema, table)
    await expectSame(both, schema, late)
    await both.stop()
    const stopped = await newTable(schema, '(id int primary key, v int)')
    const follower = follow(schema, [stopped])
    await follower.caughtUp(schema)
    await schema.execute(`rename table ${stopped} to ${stopped}_away`)
    await follower.caughtUp(schema)
    await schema.execute(`create table ${stopped} (id int primary key, v int)`)
    const unread = await prepare('unread', `insert into ${stopped} values (3, 3)`)
    await follower.caughtUp(schema)
    await unread('commit')
    await expectSame(follower, schema, stopped)
  })

  test.each([
    ['without all columns', ['set session binlog_row_image = minimal']],
    ['as statements', ['set session binlog_format = statement']],
    ['compressed', ['set session binlog_transaction_compression = on'], 'mysql'],
  ])('what a transaction logs %s counts from its commit on', async (_, settings, only = schema.flavour) => {
    if (only !== schema.flavour) return
    const { table, follower } = await followNew(schema, '(id int primary key, v int, w int default 5)')
    await schema.execute(`insert into ${table} values (1, 1, 1), (2, 2, 2)`)
    const odd = await prepare(
      'odd',
      `update ${table} set v = 100; savepoint s; delete from ${table} where id = 2; rollback to s;
        insert into ${table} (id) values (3)`,
      settings,
    )
    await follower.caughtUp(schema)
    expect(follower.mirror.rows(table)).toMatchObject([{ v: '1' }, { v: '2' }])
    await odd('commit')
    await expectSame(follower, schema, table)
    const gone = await prepare('gone', `delete from ${table}`, settings)
    await expectSame(follower, schema, table)
    await gone('rollback')
    await expectSame(follower, schema, table)
    expect(follower.mirror.rows(table)).toHaveLength(3)
  })
})
