import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { MysqlTableOptions } from '../../src/cdc/captured-table.ts'
import { Mirror } from '../support/mirror.ts'
import { mysqlServers, testSchema, type TestSchema } from './cdc-fixture.ts'
import { follow, snapshotRows, sortedTexts, type Follower } from './tail-fixture.ts'

/** What is done to the table `t`, and whether its rows have to be read again for it. */
interface Case {
  readonly statements: readonly string[]
  readonly readAgain: boolean
  readonly only?: 'mysql' | 'mariadb'
}

const cases: Readonly<Record<string, Case>> = {
  'a column that is empty is added': {
    statements: ['alter table t add column c varchar(10)'],
    readAgain: false,
  },
  'a column in the middle is added': {
    statements: ['alter table t add column c int after id'],
    readAgain: false,
  },
  'a column with a default is added': {
    statements: ["alter table t add column c varchar(10) not null default 'x'"],
    readAgain: true,
  },
  'a generated column is added': {
    statements: ['alter table t add column c int as (v * 2) stored'],
    readAgain: true,
  },
  'a column is dropped': { statements: ['alter table t drop column name'], readAgain: false },
  'a column is renamed': { statements: ['alter table t change name label varchar(20)'], readAgain: true },
  'a column is renamed by its own statement': {
    statements: ['alter table t rename column name to label'],
    readAgain: true,
  },
  'columns are reordered': { statements: ['alter table t modify name varchar(20) first'], readAgain: false },
  'text is widened': { statements: ['alter table t modify name varchar(200)'], readAgain: false },
  'an integer is widened': { statements: ['alter table t modify v bigint'], readAgain: false },
  'a number becomes text': { statements: ['alter table t modify v varchar(30)'], readAgain: true },
  'decimals are cut': { statements: ['alter table t modify amount decimal(10,1)'], readAgain: true },
  'the character set is converted': {
    statements: ['alter table t convert to character set latin1'],
    readAgain: true,
  },
  'an index is added': {
    statements: ['alter table t add index by_v (v), comment = "x"', 'create index by_name on t (name)'],
    readAgain: false,
  },
  'it is truncated': { statements: ['truncate table t'], readAgain: false },
  'it is emptied by a delete': { statements: ['delete from t'], readAgain: false },
  'it is dropped and created anew': {
    statements: [
      'drop table t',
      'create table t (id int primary key, name varchar(20), v int, amount decimal(10,2))',
      "insert into t (id, name) values (77, 'new')",
    ],
    readAgain: true,
  },
  'another takes its place, as gh-ost and pt-online-schema-change do it': {
    statements: [
      'create table _t_gho like t',
      'alter table _t_gho add column extra int not null default 9',
      'insert into _t_gho (id, name, v, amount) select id, name, v, amount from t',
      "insert into _t_gho (id, name) values (500, 'only in the ghost')",
      'rename table t to _t_del, _t_gho to t',
    ],
    readAgain: true,
  },
  'it is renamed away and back': {
    statements: ['rename table t to u', 'update u set v = 99', 'alter table u rename to t'],
    readAgain: true,
  },
  'a partition is dropped': {
    statements: [
      'alter table t partition by range (id) (partition a values less than (2), partition b values less than maxvalue)',
      'alter table t drop partition a',
    ],
    readAgain: true,
  },
  'a partition is exchanged': {
    statements: [
      'alter table t partition by range (id) (partition a values less than (2), partition b values less than maxvalue)',
      'create table t2 like t',
      'alter table t2 remove partitioning',
      "insert into t2 (id, name) values (0, 'swapped in')",
      'alter table t exchange partition a with table t2',
    ],
    readAgain: true,
  },
  'rows are changed by a statement that is logged as such': {
    statements: [
      'set session binlog_format = statement',
      "update t set name = concat(name, '!')",
      'set session binlog_format = row',
    ],
    readAgain: true,
  },
  'rows are inserted by a statement that is logged as such': {
    statements: [
      'set session binlog_format = statement',
      'insert into t (id, name) select id + 10, name from t',
      'set session binlog_format = row',
    ],
    readAgain: true,
  },
  'it is read by a statement that is logged as such': {
    statements: [
      'create table t2 (n int)',
      'set session binlog_format = statement',
      'replace into t2 select count(*) from t',
      'set session binlog_format = row',
    ],
    readAgain: false,
  },
  'rows are logged without all their columns': {
    statements: [
      'set session binlog_row_image = minimal',
      'update t set v = v + 1 where id = 2',
      'set session binlog_row_image = full',
    ],
    readAgain: true,
  },
  'two statements that undo each other': {
    statements: [
      'alter table t add column c int default 5',
      'alter table t drop column c',
      'alter table t add column c int',
    ],
    readAgain: true,
  },
}

describe.each(mysqlServers)('a table of $flavour that is altered while it is followed', ({ url }) => {
  let schema: TestSchema
  const followers: Follower[] = []
  beforeAll(async () => {
    schema = await testSchema(url)
    await schema.execute('create table other (id int primary key, v int); insert into other values (1, 1)')
  })
  afterEach(async () => {
    await Promise.all(followers.splice(0).map((follower) => follower.stop()))
    await schema.execute('drop table if exists t, t2, u, _t_del, _t_gho')
  })
  afterAll(() => schema.drop())

  async function createTable(): Promise<void> {
    await schema.execute('create table t (id int primary key, name varchar(20), v int, amount decimal(10,2))')
    await schema.execute(
      "insert into t values (1, 'one', 1, 1.25), (2, 'two', 2, 2.25), (3, 'é', null, null)",
    )
  }

  function start(options: Omit<MysqlTableOptions, 'table' | 'stream'> = {}, mirror = new Mirror()): Follower {
    const tables = [
      { table: 't', stream: 't', ...options },
      { table: 'other', stream: 'other' },
    ]
    const follower = follow(schema, [], { tables, mirror })
    followers.push(follower)
    return follower
  }

  function readings(follower: Follower, from = 0): number {
    const changes = follower.batches.slice(from).flatMap((batch) => batch.changes)
    return changes.filter(({ kind, stream }) => kind === 'resync-begin' && stream === 't').length
  }

  async function expectSame(follower: Follower): Promise<void> {
    await follower.caughtUp(schema)
    expect(sortedTexts(follower.mirror.rows('t'))).toEqual(sortedTexts(await snapshotRows(schema, 't')))
    expect(sortedTexts(follower.mirror.rows('other'))).toEqual(
      sortedTexts(await snapshotRows(schema, 'other')),
    )
  }

  const insertAfter =
    'insert into t (id) values (900), (901); delete from t where id = 901; update other set v = v + 1'

  for (const [name, { statements, readAgain, only }] of Object.entries(cases)) {
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
      await expectSame(follower)
      expect(readings(follower, before) > 0).toBe(readAgain)
    })

    test(`stays equal when ${name} while nobody follows`, async () => {
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
      await expectSame(second)
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
    await expectSame(follower)
    expect(follower.source.status?.().stopped.size).toBe(0)
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
    await expectSame(follower)
  })

  test('that is put in quarantine stops at the first alteration until somebody asks to read it anew', async () => {
    await createTable()
    const follower = start({ schemaChanges: 'quarantine' })
    await follower.caughtUp(schema)
    await schema.execute('alter table t add index by_v (v); insert into t (id) values (9)')
    await expectSame(follower)
    await schema.execute('alter table t add column c int; insert into t (id) values (10)')
    await follower.caughtUp(schema)
    expect(follower.source.status?.().stopped.get('t')).toContain('altered')
    expect(follower.mirror.rows('t')).toHaveLength(4)
    follower.source.resync?.('t')
    await follower.until(() => follower.mirror.rows('t').length === 5 && !follower.mirror.isResyncing())
    await expectSame(follower)
  })
})
