import mysql from 'mysql2/promise'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { MysqlTableOptions } from '../../src/cdc/captured-table.ts'
import type { MysqlSourceOptions } from '../../src/cdc/source.ts'
import { Mirror } from '../support/mirror.ts'
import { alterations } from './alteration-cases.ts'
import { mysqlServers, schemaApart, type TestSchema } from './cdc-fixture.ts'
import { type Follower, followersPerTest, expectSame, readings, sortedTexts } from './tail-fixture.ts'

describe.each(mysqlServers)('a table of $flavour that is altered while it is followed', ({ flavour }) => {
  let schema: TestSchema
  const { follow } = followersPerTest()
  beforeAll(async () => {
    schema = await schemaApart(flavour)
    await schema.execute('create table other (id int primary key, v int); insert into other values (1, 1)')
  })
  afterEach(async () => {
    await schema.execute('drop table if exists t, t2, u, _t_del, _t_gho; drop view if exists v')
    await schema.execute('drop function if exists f')
  })
  afterAll(() => schema.drop())

  async function createTable(): Promise<void> {
    await schema.execute('create table t (id int primary key, name varchar(20), v int, amount decimal(10,2))')
    await schema.execute(
      "insert into t values (1, 'one', 1, 1.25), (2, 'two', 2, 2.25), (3, 'é', null, null)",
    )
  }

  function start(
    options: Omit<MysqlTableOptions, 'table' | 'stream'> = {},
    mirror = new Mirror(),
    more: Partial<MysqlSourceOptions> = {},
  ): Follower {
    const tables = [
      { table: 't', stream: 't', ...options },
      { table: 'other', stream: 'other' },
    ]
    const follower = follow(schema, [], { tables, mirror, ...more })
    return follower
  }

  const insertAfter =
    'insert into t (id) values (900), (901); delete from t where id = 901; update other set v = v + 1'

  for (const [name, { statements, readAgain, only }] of Object.entries(alterations)) {
    test(`stays equal when ${name}`, async ({ skip }) => {
      skip(only !== undefined && only !== schema.flavour)
      await createTable()
      const follower = start()
      await follower.caughtUp(schema)
      const before = follower.batches.length
      for (const statement of statements) {
        await schema.execute(statement)
        await schema.execute('update other set v = v + 1')
      }
      await schema.execute(insertAfter)
      await expectSame(follower, schema, 't', 'other')
      expect(readings(follower, before).includes('t')).toBe(readAgain)
    })

    test(`stays equal when ${name} while nobody follows`, async ({ skip }) => {
      skip(only !== undefined && only !== schema.flavour)
      await createTable()
      const first = start()
      await first.caughtUp(schema)
      await first.stop()
      await schema.execute(
        "update t set name = 'before' where id = 1; insert into t values (4, 'four', 4, 4.5)",
      )
      for (const statement of statements) await schema.execute(statement)
      await schema.execute(insertAfter)
      const second = start({}, first.mirror)
      await expectSame(second, schema, 't', 'other')
    })
  }

  test('stops when it is dropped, while the others go on, and is read when it is there again', async () => {
    await createTable()
    const follower = start()
    await follower.caughtUp(schema)
    await schema.execute('drop table t; update other set v = 50')
    await follower.caughtUp(schema)
    expect(follower.source.status?.().stopped.get('t')).toContain('was dropped')
    expect(follower.mirror.rows('t')).toHaveLength(3)
    expect(follower.mirror.rows('other')).toEqual([{ id: '1', v: '50' }])
    await createTable()
    await expectSame(follower, schema, 't', 'other')
    expect(follower.source.status?.().stopped.size).toBe(0)
  })

  test('that is kept locked behind it holds the others up for seconds only, and status says so', async () => {
    await createTable()
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: (line) => lines.push(line) })
    const follower = start({}, new Mirror(), { log, retryPolicy: { attempts: 1, baseMs: 1, maxMs: 1 } })
    await follower.caughtUp(schema)
    const locker = await mysql.createConnection(schema.url)
    try {
      await locker.query('lock tables t write')
      await locker.query('alter table t add column c int default 5')
      await schema.execute('update other set v = 80')
      const why = (): string | undefined => follower.source.status?.().stopped.get('t')
      await follower.until(() => why()?.includes('is locked') === true)
      await follower.until(() => follower.mirror.rows('other')[0]?.v === '80')
      // Nor when they are altered, too, while it is tried again and again.
      for (const v of ['81', '82', '83']) {
        await schema.execute(`alter table other add column x int; update other set v = ${v}`)
        await schema.execute('alter table other drop column x')
        await follower.until(() => follower.mirror.rows('other')[0]?.v === v)
      }
    } finally {
      await locker.end()
    }
    await expectSame(follower, schema, 't', 'other')
    expect(follower.source.status?.().stopped.size).toBe(0)
    expect(lines.filter((line) => line.includes('following the log'))).toHaveLength(1)
    expect(lines.filter((line) => line.includes('is locked'))).toHaveLength(1)
  })

  test.each([
    ['is computed from now on', 'w int default 7', 'modify w int as (v * 2) stored'],
    ['is computed in another way', 'w int as (v * 2) stored', 'modify w int as (v * 3) stored'],
    ['is cut to its decimals', 'w float default 1.26', 'modify w float(10,1)'],
    ['counts by itself, for which none may be 0', 'w int', 'modify id int auto_increment'],
    ['is in an engine that keeps no rows', 'w int', 'engine = blackhole'],
  ])('stays equal when a column that was there %s', async (_, column, action) => {
    await schema.execute(`set session sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
      create table t (id int primary key, v int, ${column}); insert into t (id, v) values (0, 1), (5, 2)`)
    const follower = start()
    await follower.caughtUp(schema)
    await schema.execute(`set session sql_mode = ''; alter table t ${action}; set session sql_mode = default`)
    await expectSame(follower, schema, 't', 'other')
  })

  test('stops when its key changes, also after a restart and when it is asked to be read anew', async () => {
    await createTable()
    const follower = start()
    await follower.caughtUp(schema)
    await schema.execute(
      'alter table t drop primary key, add column k int not null auto_increment primary key',
    )
    await schema.execute('update other set v = 60')
    await follower.caughtUp(schema)
    expect(follower.source.status?.().stopped.get('t')).toContain('key')
    await follower.stop()
    const again = start({}, follower.mirror)
    await again.caughtUp(schema)
    expect(again.source.status?.().stopped.get('t')).toContain('key')
    again.source.resync?.('t')
    await schema.execute('update other set v = 60')
    await again.until(() => again.source.status?.().stopped.has('t') === true)
    await again.caughtUp(schema)
    expect(again.source.status?.().stopped.get('t')).toContain('syncline run --prune')
    expect(again.mirror.rows('other')[0]?.v).toBe('60')
  })

  test('stops when its key is made of other columns that were there', async () => {
    await createTable()
    const follower = start()
    await follower.caughtUp(schema)
    const before = sortedTexts(follower.mirror.rows('t'))
    await schema.execute('alter table t drop primary key, add primary key (id, name)')
    await schema.execute("insert into t (id, name) values (1, 'the same id again')")
    await follower.caughtUp(schema)
    expect(follower.source.status?.().stopped.get('t')).toContain('changed from (id) to (id, name)')
    expect(sortedTexts(follower.mirror.rows('t'))).toEqual(before)
  })

  test('stops when the unique index is dropped that is its key', async () => {
    await schema.execute(
      'create table t (id int not null, v int, unique only_key (id)); insert into t values (1, 1)',
    )
    const follower = start()
    await follower.caughtUp(schema)
    await schema.execute('drop index only_key on t; insert into t values (1, 2)')
    await follower.caughtUp(schema)
    expect(follower.source.status?.().stopped.get('t')).toMatch(/no key.*alter table/)
    expect(follower.mirror.rows('t')).toMatchObject([{ v: '1' }])
  })

  test('stops when a foreign key is added that changes its rows without logging them', async ({ skip }) => {
    skip(schema.flavour !== 'mariadb', 'MySQL logs them from 9.6 on')
    await schema.execute('create table t (id int primary key, v int)')
    const follower = start()
    await follower.caughtUp(schema)
    await schema.execute(
      'alter table t add constraint f foreign key (v) references other (id) on delete cascade',
    )
    await follower.caughtUp(schema)
    expect(follower.source.status?.().stopped.get('t')).toMatch(/without logging them.*drop foreign key/)
    await schema.execute('update other set v = 70')
    await follower.caughtUp(schema)
    expect(follower.mirror.rows('other')).toMatchObject([{ v: '70' }])
  })

  test('that is frozen keeps its columns, and stops when it cannot', async () => {
    await createTable()
    const follower = start({ schemaChanges: 'freeze' })
    await follower.caughtUp(schema)
    await schema.execute(
      "alter table t add column c int default 5; insert into t (id, name) values (9, 'nine')",
    )
    await follower.caughtUp(schema)
    expect(follower.mirror.columns('t').map(({ name }) => name)).toEqual(['id', 'name', 'v', 'amount'])
    expect(follower.mirror.rows('t')).toHaveLength(4)
    expect(follower.source.status?.().stopped.size).toBe(0)
    await schema.execute('alter table t modify v bigint')
    await follower.caughtUp(schema)
    expect(follower.source.status?.().stopped.get('t')).toContain('frozen')
    follower.source.resync?.('t')
    await follower.until(() => follower.mirror.columns('t').length === 5 && !follower.mirror.isResyncing())
    await expectSame(follower, schema, 't', 'other')
  })

  test('that is put in quarantine stops at the first alteration until somebody asks to read it anew', async () => {
    await createTable()
    const follower = start({ schemaChanges: 'quarantine' })
    await follower.caughtUp(schema)
    await schema.execute('alter table t add index by_v (v); insert into t (id) values (9)')
    await expectSame(follower, schema, 't', 'other')
    await schema.execute('alter table t add column c int; insert into t (id) values (10)')
    await follower.caughtUp(schema)
    expect(follower.source.status?.().stopped.get('t')).toContain('altered')
    expect(follower.mirror.rows('t')).toHaveLength(4)
    follower.source.resync?.('t')
    await follower.until(() => follower.mirror.rows('t').length === 5 && !follower.mirror.isResyncing())
    await expectSame(follower, schema, 't', 'other')
  })
})
