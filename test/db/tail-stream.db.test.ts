import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Mirror } from '../support/mirror.ts'
import { mysqlServers, testSchema, type TestSchema } from './cdc-fixture.ts'
import { followersPerTest, newTable, expectSame } from './tail-fixture.ts'

describe.each(mysqlServers)('following the log of $flavour', ({ url }) => {
  let schema: TestSchema
  const { follow } = followersPerTest()
  beforeAll(async () => {
    schema = await testSchema(url)
  })
  afterAll(() => schema.drop())

  /** Writers that change rows at random until they are told to stop. */
  function write(table: string, { writers, rows }: { writers: number; rows: number }): () => Promise<number> {
    let stopped = false
    const run = async (): Promise<number> => {
      const session = await mysql.createConnection(schema.url)
      let commits = 0
      while (!stopped) {
        const id = Math.floor(Math.random() * rows)
        const statements = [
          `update ${table} set v = v + 1 where id = ${id}`,
          `replace into ${table} values (${id}, ${commits})`,
          `delete from ${table} where id = ${id}`,
          `insert into ${table} values (${id}, 1) on duplicate key update v = v + 1000`,
          `update ignore ${table} set id = ${Math.floor(Math.random() * rows)} where id = ${id}`,
        ]
        try {
          await session.query(statements[commits % statements.length] ?? '')
        } catch (error) {
          if ((error as { code?: string }).code !== 'ER_LOCK_DEADLOCK') throw error
        }
        commits++
      }
      await session.end()
      return commits
    }
    const running = Array.from({ length: writers }, run)
    return async () => {
      stopped = true
      return (await Promise.all(running)).reduce((a, b) => a + b)
    }
  }

  test('a table that is read while writers change it ends equal to its source', async () => {
    const table = await newTable(schema, '(id int primary key, v bigint)')
    const values = Array.from({ length: 3000 }, (_, id) => [id, 0])
    await schema.execute(`insert into ${table} values ?`, [values])
    const stop = write(table, { writers: 4, rows: 4000 })
    const follower = follow(schema, [table], { chunkRows: 100 })
    await follower.until(
      () => follower.source.status?.().state === 'streaming' && !follower.mirror.isResyncing(),
    )
    follower.source.resync?.(table)
    const before = follower.batches.length
    await follower.until(() =>
      follower.batches.slice(before).some(({ changes }) => changes.some(({ kind }) => kind === 'resync-end')),
    )
    expect(await stop()).toBeGreaterThan(100)
    await expectSame(follower, schema, table)
  })

  test('tables are read one after the other, the smallest first', async () => {
    const [large, small] = [
      await newTable(schema, '(id int primary key)'),
      await newTable(schema, '(id int primary key)'),
    ]
    await schema.execute(`insert into ${large} values ?`, [Array.from({ length: 3_000 }, (_, id) => [id])])
    await schema.execute(`insert into ${small} values (1)`)
    await schema.execute(`analyze table ${large}, ${small}`)
    const follower = follow(schema, [large, small])
    await expectSame(follower, schema, large, small)
    const changes = follower.batches.flatMap((batch) => batch.changes)
    const begun = changes.flatMap(({ kind, stream }) => (kind === 'resync-begin' ? [stream] : []))
    expect(begun).toEqual([small, large])
  })

  test('a resync never shows a moment in which rows are missing, and removes what is gone', async () => {
    const table = await newTable(schema, '(id int primary key, v int)')
    await schema.execute(`insert into ${table} values (1, 1), (2, 2), (3, 3)`)
    const follower = follow(schema, [table], { chunkRows: 1 })
    await follower.caughtUp(schema)
    // A row that the source does not have, as a fault of anyone's would leave it.
    follower.mirror.apply({
      before: follower.mirror.position,
      after: follower.mirror.position ?? '',
      changes: [{ kind: 'upsert', stream: table, key: ['9'], row: { id: '9', v: '9' } }],
      rejected: [],
      ledger: [],
      committedAt: null,
    })
    follower.source.resync?.(table)
    const seen: number[] = []
    await follower.until(() => {
      seen.push(follower.mirror.rows(table).length)
      return follower.mirror.rows(table).length === 3
    })
    expect(Math.min(...seen)).toBe(3)
    await expectSame(follower, schema, table)
  })

  test('after a restart it goes on where it was committed, in the middle of a table too', async () => {
    const table = await newTable(schema, '(id int primary key, v int)')
    await schema.execute(`insert into ${table} values ?`, [Array.from({ length: 500 }, (_, id) => [id, 0])])
    const mirror = new Mirror()
    const first = follow(schema, [table], { chunkRows: 50, mirror })
    await first.until(() => mirror.rows(table).length >= 200)
    await first.stop()
    await schema.execute(`update ${table} set v = id; delete from ${table} where id in (3, 499)`)
    const second = follow(schema, [table], { chunkRows: 50, mirror })
    await expectSame(second, schema, table)
    const begins = second.batches
      .flatMap(({ changes }) => changes)
      .filter(({ kind }) => kind === 'resync-begin')
    expect(begins).toEqual([])
  })

  test.each([
    ['gets a column with values', ["alter table @ add column c varchar(9) not null default 'x' first"]],
    ['loses a column', ['alter table @ drop column v']],
    ['is emptied', ['truncate table @']],
    ['is swapped for another', ['create table @_new like @', 'rename table @ to @_old, @_new to @']],
    ['is dropped and made anew', ['drop table @', 'create table @ (id int primary key, other text)']],
  ])('a table that %s while it is read ends equal to its source', async (_, statements) => {
    const table = await newTable(schema, '(id int primary key, v int, w int)')
    await schema.execute(`insert into ${table} values ?`, [
      Array.from({ length: 300 }, (_, id) => [id, id, 0]),
    ])
    const mirror = new Mirror()
    const follower = follow(schema, [table], { chunkRows: 20, mirror })
    await follower.until(() => {
      if (mirror.rows(table).length < 100) return false
      follower.hold()
      return true
    })
    expect(mirror.isResyncing()).toBe(true)
    await schema.execute(`update ${table} set w = 1`)
    for (const statement of statements) await schema.execute(statement.replaceAll('@', table))
    await schema.execute(`replace into ${table} () values ()`).catch(() => undefined)
    follower.release()
    await follower.until(() => !mirror.isResyncing())
    await expectSame(follower, schema, table)
  })

  test('a table that is added is read while the others go on, and one that comes back is read anew', async () => {
    const [a, b] = [
      await newTable(schema, '(id int primary key, v int)'),
      await newTable(schema, '(id int primary key, v int)'),
    ]
    await schema.execute(`insert into ${a} values (1, 1); insert into ${b} values (1, 1), (2, 2)`)
    const mirror = new Mirror()
    const first = follow(schema, [a], { mirror })
    await first.caughtUp(schema)
    await first.stop()
    const both = follow(schema, [a, b], { mirror })
    await expectSame(both, schema, a, b)
    await both.stop()
    const without = follow(schema, [a], { mirror })
    await schema.execute(`delete from ${b} where id = 1; insert into ${a} values (2, 2)`)
    await expectSame(without, schema, a)
    expect(mirror.rows(b)).toHaveLength(2)
    await without.stop()
    const again = follow(schema, [a, b], { mirror })
    await expectSame(again, schema, a, b)
  })

  test('a transaction larger than a batch comes in pieces of one commit', async () => {
    const table = await newTable(schema, '(id int primary key, v varchar(100))')
    const follower = follow(schema, [table], { batchBytes: 200_000, chunkRows: 1_000 })
    await follower.caughtUp(schema)
    await schema.execute(`begin`)
    for (let from = 0; from < 20_000; from += 1000) {
      const rows = Array.from({ length: 1000 }, (_, n) => [from + n, 'x'.repeat(50)])
      await schema.execute(`insert into ${table} values ?`, [rows])
    }
    await schema.execute(`update ${table} set v = 'last' where id = 7; commit`)
    await schema.execute(`insert into ${table} values (-1, 'after')`)
    await expectSame(follower, schema, table)
    const large = follower.batches.filter(({ rest }) => rest !== undefined)
    expect(large).toHaveLength(1)
    expect(Math.max(...follower.batches.map(({ changes }) => changes.length))).toBeLessThan(5_000)
  })

  test('what is to be read again after a transaction in pieces is known as soon as that is committed', async () => {
    const table = await newTable(schema, '(id int primary key, v int, w int)')
    const rows = Array.from({ length: 500 }, (_, id) => [id, 0, 0])
    await schema.execute(`insert into ${table} values ?`, [rows])
    const first = follow(schema, [table], { batchBytes: 5_000 })
    await first.caughtUp(schema)
    // It ends with the commit of that transaction, as if it was killed there.
    const committed = first.until(() => {
      if (first.batches.at(-1)?.rest === undefined) return false
      first.hold()
      return true
    })
    const writer = await mysql.createConnection({ uri: schema.url, multipleStatements: true })
    await writer.query(`begin; update ${table} set v = 1; set session binlog_row_image = minimal;
      update ${table} set w = 2 where id = 3; commit`)
    await writer.end()
    await committed
    const stopped = first.stop()
    first.release()
    await stopped
    const second = follow(schema, [table], { mirror: first.mirror })
    await expectSame(second, schema, table)
  })

  test('a transaction in pieces that is rolled back in the end leaves nothing', async ({ skip }) => {
    skip(schema.flavour !== 'mariadb', 'MySQL does not log them')
    const table = await newTable(schema, '(id int primary key, v int)')
    // Each event is a piece, so that nothing is left when the end comes.
    const follower = follow(schema, [table], { batchBytes: 1 })
    await follower.caughtUp(schema)
    // Because of a temporary table the server logs what was rolled back.
    await schema.execute(`begin; insert into ${table} values (1, 1); create temporary table passing (n int); rollback;
      drop temporary table passing`)
    await expectSame(follower, schema, table)
    expect(follower.mirror.rows(table)).toEqual([])
  })

  test('a source that is idle or whose changes are not ours still advances', async () => {
    const [table, other] = [
      await newTable(schema, '(id int primary key)'),
      await newTable(schema, '(id int primary key)'),
    ]
    const follower = follow(schema, [table])
    await follower.caughtUp(schema)
    await schema.execute(`insert into ${other} values (1)`)
    await follower.caughtUp(schema)
    expect(follower.mirror.rows(table)).toEqual([])
  })

  test('rolled back work and savepoints leave nothing', async () => {
    const table = await newTable(schema, '(id int primary key, v int)')
    const follower = follow(schema, [table])
    await follower.caughtUp(schema)
    await schema.execute(`begin; insert into ${table} values (1, 1); rollback`)
    await schema.execute(`begin; insert into ${table} values (2, 1); savepoint a; insert into ${table} values (3, 1);
      rollback to a; insert into ${table} values (4, 1); savepoint b; update ${table} set v = 5; release savepoint b; commit`)
    await expectSame(follower, schema, table)
    expect(follower.mirror.rows(table)).toHaveLength(2)
  })
})
