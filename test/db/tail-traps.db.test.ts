import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mysqlServers, mysqlSource, testSchema, type TestSchema } from './cdc-fixture.ts'
import { followersPerTest, expectSame, readings } from './tail-fixture.ts'

describe.each(mysqlServers)('traps of the log of $flavour', ({ url }) => {
  let schema: TestSchema
  const { follow, followNew } = followersPerTest()
  beforeAll(async () => {
    schema = await testSchema(url)
  })
  afterAll(() => schema.drop())

  test('tables without transactions end theirs with a statement', async () => {
    const engines = schema.flavour === 'mariadb' ? ['myisam', 'aria', 'aria transactional = 1'] : ['myisam']
    for (const engine of engines) {
      const { table, follower } = await followNew(schema, `(id int primary key, v int) engine = ${engine}`)
      await schema.execute(
        `insert into ${table} values (1, 1), (2, 2); update ${table} set v = 5; delete from ${table} where id = 2`,
      )
      await expectSame(follower, schema, table)
      expect(readings(follower)).toHaveLength(1)
    }
  })

  test.each([
    ['Here', 'HERE', 0],
    ['été', 'été', 0],
    ['É', 'e', 1],
    ['ß', 's', 1],
  ])(
    'a transaction that goes back to %s by the name %s is what the server makes of it',
    async (set, named, again) => {
      const { table, follower } = await followNew(schema, '(id int primary key)')
      // Once a table without transactions was changed the server logs what it takes back. MySQL refuses that with GTIDs.
      const engine = schema.flavour === 'mariadb' ? 'myisam' : 'innodb'
      await schema.execute(`create table ${table}_kept (id int primary key) engine = ${engine}`)
      await schema.execute(`begin; insert into ${table} values (1); savepoint \`${set}\`; insert into ${table} values (2);
      insert into ${table}_kept values (1); rollback to \`${named}\`; insert into ${table} values (3); commit`)
      await expectSame(follower, schema, table)
      expect(follower.mirror.rows(table)).toHaveLength(2)
      expect(readings(follower)).toHaveLength(1 + (schema.flavour === 'mariadb' ? again : 0))
    },
  )

  test('a unique key on long text adds a hidden column', async () => {
    const unique = schema.flavour === 'mariadb' ? 'unique (v)' : 'unique (v(20))'
    const { table, follower } = await followNew(schema, `(id int primary key, v text, ${unique})`)
    await schema.execute(
      `insert into ${table} values (1, 'one'), (2, 'two'); update ${table} set v = 'deux' where id = 2`,
    )
    await expectSame(follower, schema, table)
    expect(readings(follower)).toHaveLength(1)
  })

  test('versioned tables log the rows that were as well', async ({ skip }) => {
    skip(schema.flavour !== 'mariadb', 'only MariaDB has them')
    const hidden = await followNew(schema, '(id int primary key, v int) with system versioning')
    const declared = await followNew(
      schema,
      `(id int primary key, v int, s timestamp(6) generated always as row start,
      e timestamp(6) generated always as row end, period for system_time (s, e)) with system versioning`,
    )
    for (const { table, follower } of [hidden, declared]) {
      await schema.execute(`insert into ${table} (id, v) values (1, 1), (2, 2), (3, 3); update ${table} set v = v + 10;
        delete from ${table} where id = 2; update ${table} set id = 9 where id = 3; delete history from ${table}`)
      await expectSame(follower, schema, table)
      expect(follower.mirror.rows(table)).toHaveLength(2)
      expect(readings(follower)).toHaveLength(1)
    }
  })

  test('keys that differ in case or trailing spaces are another key to us and the same to the server', async () => {
    const { table, follower } = await followNew(
      schema,
      '(id varchar(10) collate utf8mb4_general_ci primary key, v int)',
    )
    await schema.execute(
      `insert into ${table} values ('a', 1); update ${table} set id = 'A'; replace into ${table} values ('a ', 3)`,
    )
    await expectSame(follower, schema, table)
    expect(follower.mirror.rows(table)).toHaveLength(1)
  })

  test('unique keys may be swapped within a transaction', async () => {
    const { table, follower } = await followNew(schema, '(id int primary key, u int unique)')
    await schema.execute(`insert into ${table} values (1, 1), (2, 2)`)
    await schema.execute(`begin; update ${table} set u = 99 where id = 1; update ${table} set u = 1 where id = 2;
      update ${table} set u = 2 where id = 1; commit; replace into ${table} values (3, 1)`)
    await expectSame(follower, schema, table)
  })

  test('generated and invisible columns are logged, virtual ones too', async () => {
    const invisible = schema.flavour === 'mysql' ? 'h int default 5 invisible' : 'h int invisible default 5'
    const { table, follower } = await followNew(
      schema,
      `(id int primary key, a int, g int as (a * 2) stored, w int as (a + 1) virtual, ${invisible})`,
    )
    await schema.execute(
      `insert into ${table} (id, a) values (1, 10), (2, null); update ${table} set a = 11 where id = 1`,
    )
    await expectSame(follower, schema, table)
    expect(readings(follower)).toHaveLength(1)
  })

  test('values that cannot be taken in are dead letters, and mended by a later change', async () => {
    const { table, follower } = await followNew(schema, '(id int primary key, d date, s varchar(20))')
    await schema.execute(
      `set session sql_mode = ''; insert into ${table} values (1, '0000-00-00', 'a'), (2, '2017-01-01', 'a\\0b'), (3, '2017-01-01', '�')`,
    )
    await follower.caughtUp(schema)
    expect(follower.mirror.rejected.map(({ key, code }) => [key, code])).toEqual([
      [['1'], 'impossible-date'],
      [['2'], 'zero-character'],
    ])
    await schema.execute(`update ${table} set d = '2017-02-02', s = 'good'; set session sql_mode = default`)
    await expectSame(follower, schema, table)
  })

  test('a record that is changed after it was rejected, in one batch, is no dead letter', async () => {
    const { table, follower } = await followNew(schema, '(id int primary key, d date)')
    await schema.execute(
      `set session sql_mode = ''; begin;
       insert into ${table} values (1, '0000-00-00'), (2, '0000-00-00'), (3, '0000-00-00'), (4, '2017-01-01');
       update ${table} set d = '2017-01-02' where id = 1; delete from ${table} where id = 2;
       update ${table} set d = '0000-00-00' where id = 4; commit; set session sql_mode = default`,
    )
    await follower.caughtUp(schema)
    expect(follower.mirror.rejected.map(({ key }) => key)).toEqual([['3'], ['4']])
  })

  test('compressed transactions and JSON in parts cannot be read: its tables are, and the setting is refused', async ({
    skip,
  }) => {
    skip(schema.flavour !== 'mysql', 'only MySQL has them')
    const { table, follower } = await followNew(schema, '(id int primary key, v json)')
    const session = await mysql.createConnection({ uri: schema.url })
    await session.query('set session binlog_transaction_compression = on')
    await session.query(
      `insert into ${table} values (1, '{"a": "long enough to be changed in parts", "b": 1}')`,
    )
    await expectSame(follower, schema, table)
    await session.query('set session binlog_transaction_compression = off')
    await session.query("set session binlog_row_value_options = 'PARTIAL_JSON'")
    await session.query(`update ${table} set v = json_set(v, '$.b', 2)`)
    await session.end()
    await expectSame(follower, schema, table)
    await follower.stop()
    await schema.execute('set global binlog_transaction_compression = on')
    const refused = follow(schema, [table], { mirror: follower.mirror })
    try {
      const late = await mysql.createConnection({ uri: schema.url })
      await late.query(`insert into ${table} values (2, '[]')`)
      await late.end()
      await expect(refused.done).rejects.toMatchObject({ name: 'OperatorError', code: 'log-unreadable' })
    } finally {
      await schema.execute('set global binlog_transaction_compression = off')
    }
    const again = follow(schema, [table], { mirror: follower.mirror })
    await expectSame(again, schema, table)
  })

  test('compressed events are read', async ({ skip }) => {
    skip(schema.flavour !== 'mariadb', 'only MariaDB has them')
    const { table, follower } = await followNew(schema, '(id int primary key, v text)')
    await schema.execute('set global log_bin_compress = on, global log_bin_compress_min_len = 10')
    try {
      await schema.execute(`insert into ${table} values (1, repeat('x', 5000)), (2, 'y')`)
      await schema.execute(`update ${table} set v = repeat('z', 400); delete from ${table} where id = 2`)
      await schema.execute(`alter table ${table} add column c int /* ${'long comment '.repeat(30)} */`)
    } finally {
      await schema.execute('set global log_bin_compress = off')
    }
    await expectSame(follower, schema, table)
  })

  test('transactions with tags are counted', async ({ skip }) => {
    skip(schema.flavour !== 'mysql', 'only MySQL has them')
    const { table, follower } = await followNew(schema, '(id int primary key)')
    await schema.execute(
      `set gtid_next = 'AUTOMATIC:syncline'; insert into ${table} values (1); set gtid_next = 'AUTOMATIC'; insert into ${table} values (2)`,
    )
    await expectSame(follower, schema, table)
    expect(follower.mirror.position).toContain(':syncline:')
    const times = follower.batches.flatMap(({ committedAt }) => committedAt ?? [])
    expect(times.length).toBeGreaterThan(0)
    // A time of day, whatever the clocks: fields that are read in the wrong place are anything.
    for (const time of times) expect(Math.abs(Date.now() - time)).toBeLessThan(3_600_000)
    await follower.stop()
    await schema.execute(`insert into ${table} values (3)`)
    const again = follow(schema, [table], { mirror: follower.mirror })
    await expectSame(again, schema, table)
  })

  test('transactions of several domains are counted', async ({ skip }) => {
    skip(schema.flavour !== 'mariadb', 'only MariaDB has them')
    const { table, follower } = await followNew(schema, '(id int primary key)')
    await schema.execute(
      `set session gtid_domain_id = 7; insert into ${table} values (1); set session gtid_domain_id = 0; insert into ${table} values (2)`,
    )
    await expectSame(follower, schema, table)
    expect(follower.mirror.position).toMatch(/,7-\d+-\d+/)
  })

  test('an account that may not receive the log is told so, before and while following', async () => {
    const user = `u${schema.name.slice(-12)}`
    await schema.execute(`create table readable (id int primary key); create user ${user} identified by 'secret';
      grant select on ${schema.name}.* to ${user}; grant replication client on *.* to ${user}`)
    const asUser = new URL(schema.url)
    asUser.username = user
    asUser.password = 'secret'
    try {
      const source = mysqlSource(schema, ['readable'], { follow: true, url: asUser.toString() })
      const defects = await source.preflight(new AbortController().signal)
      const cure = `grant replication slave on *.* to '${user}'@'%';`
      expect(defects).toMatchObject([{ severity: 'fatal', code: 'grant-missing', cure }])
      const follower = follow(schema, ['readable'], { url: asUser.toString() })
      await expect(follower.done).rejects.toMatchObject({ name: 'OperatorError', code: 'grant-missing' })
      await schema.execute(cure)
      expect(await source.preflight(new AbortController().signal)).toEqual([])
    } finally {
      await schema.execute(`drop user ${user}`)
    }
  })

  describe('rows that a foreign key removes', () => {
    const tables = `create table if not exists parent (id int primary key);
      create table if not exists child (id int primary key, p int,
        constraint to_parent foreign key (p) references parent (id) on delete cascade)`

    test('arrive like any others where they are logged', async ({ skip }) => {
      skip(schema.flavour !== 'mysql', 'MySQL logs them from 9.6 on')
      await schema.execute(
        `${tables}; insert into parent values (1), (2); insert into child values (1, 1), (2, 2)`,
      )
      const follower = follow(schema, ['parent', 'child'])
      await follower.caughtUp(schema)
      await schema.execute('delete from parent where id = 1')
      await expectSame(follower, schema, 'child')
      expect(follower.mirror.rows('child')).toHaveLength(1)
    })

    test('are refused where they are not logged, whatever the account sees, with a cure that works', async ({
      skip,
    }) => {
      skip(schema.flavour !== 'mariadb', 'MySQL logs them from 9.6 on')
      const user = `u${schema.name.slice(-12)}`
      const child = `${schema.name}.child`
      await schema.execute(`${tables}; create user ${user} identified by 'secret';
        grant replication slave, replication client on *.* to ${user}; grant select (id, p) on ${child} to ${user}`)
      const url = new URL(schema.url)
      url.username = user
      url.password = 'secret'
      const source = mysqlSource(schema, ['child'], { follow: true, url: url.toString() })
      const check = async () => {
        const defects = await source.preflight(new AbortController().signal)
        return defects.filter(({ severity }) => severity === 'fatal')
      }
      try {
        const [hidden, ...others] = await check()
        expect(others).toEqual([])
        expect(hidden).toMatchObject({ code: 'foreign-keys-hidden', area: 'permission' })
        const follower = follow(schema, ['child'], { url: url.toString() })
        const why = () => follower.source.status?.().stopped.get('child')
        await follower.until(() => why() !== undefined)
        expect(why()).toContain('grant references')
        await schema.execute(hidden?.cure ?? '')
        const [cascade] = await check()
        expect(cascade?.code).toBe('foreign-key-cascade')
        await schema.execute(`revoke all privileges, grant option from ${user}; grant select on ${child} to ${user};
          grant replication slave, replication client on *.* to ${user}`)
        expect(await check()).toEqual([cascade])
        await schema.execute(cascade?.cure ?? '')
        expect(await check()).toEqual([])
      } finally {
        await schema.execute(`drop user ${user}`)
      }
    })
  })

  test('a sequence that numbers the rows of a table is passed over', async ({ skip }) => {
    skip(schema.flavour !== 'mariadb', 'only MariaDB has them')
    await schema.execute('create sequence numbers cache 2')
    const { table, follower } = await followNew(
      schema,
      '(id int primary key default (next value for numbers), v int)',
    )
    await schema.execute(`insert into ${table} (v) values (1), (2), (3); alter sequence numbers restart 50`)
    await schema.execute(
      `begin; insert into ${table} (v) values (4); update ${table} set v = 5 where v = 1; commit`,
    )
    await expectSame(follower, schema, table)
    expect(follower.mirror.rows(table)).toHaveLength(4)
  })
})
