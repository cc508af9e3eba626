import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { laterThan, selectChunk } from '../../src/cdc/chunk-select.ts'
import { Connection } from '../../src/cdc/connection.ts'
import { assembleTable, describeTable, type Table } from '../../src/cdc/table.ts'
import { Mirror, mysqlSource, mysqlServers, testSchema, type TestSchema } from './cdc-fixture.ts'

describe.each(mysqlServers)('chunks of $flavour', ({ url: serverUrl }) => {
  let schema: TestSchema
  beforeAll(async () => {
    schema = await testSchema(serverUrl)
  })
  afterAll(() => schema.drop())

  /** Every key in chunks of three, beside what one select of the server gives. */
  async function expectAllKeys(table: string, key: string, chunkRows = 3): Promise<string[]> {
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, [table], { chunkRows }))
    const [count] = await schema.execute(`select count(*) as n, count(distinct ${key}) as d from ${table}`)
    expect(mirror.keys()).toHaveLength(Number(count?.n))
    expect(
      mirror.batches.flatMap((batch) => batch.changes.filter(({ kind }) => kind === 'upsert')),
    ).toHaveLength(Number(count?.n))
    expect(mirror.rejected).toEqual([])
    return mirror.keys().map((text) => (JSON.parse(text.slice(text.indexOf(' ') + 1)) as string[]).join('|'))
  }

  test('lose nothing with negative and sparse integers', async () => {
    await schema.execute('create table sparse (id int primary key, v int)')
    const ids = [-2147483648, -900, -3, -2, -1, 0, 1, 2, 63, 64, 1_000_000, 2147483647]
    await schema.execute('insert into sparse values ?', [ids.map((id) => [id, id])])
    expect(await expectAllKeys('sparse', 'id')).toEqual(ids.map(String))
  })

  test('lose nothing with 64-bit integers beyond what a number holds', async () => {
    await schema.execute(
      'create table big (id bigint unsigned primary key); create table small (id bigint primary key)',
    )
    const ids = ['0', '1', '9007199254740991', '9007199254740992', '9007199254740993', '9007199254740994']
    ids.push('9223372036854775807', '9223372036854775808', '18446744073709551614', '18446744073709551615')
    await schema.execute(`insert into big values ${ids.map((id) => `(${id})`).join(',')}`)
    expect(await expectAllKeys('big', 'id', 1)).toEqual(ids)
    await schema.execute(
      'insert into small values (-9223372036854775808), (-9007199254740993), (9223372036854775807)',
    )
    expect(await expectAllKeys('small', 'id', 1)).toEqual([
      '-9223372036854775808',
      '-9007199254740993',
      '9223372036854775807',
    ])
  })

  test('lose nothing with text in a case-insensitive collation, trailing spaces, quotes and emoji', async () => {
    await schema.execute('create table word (id varchar(40) collate utf8mb4_general_ci primary key)')
    const words = [
      '',
      ' x',
      'a',
      'B',
      'c',
      'çç',
      'd  ',
      "e'f",
      'e\\',
      'e"',
      'e\n',
      'e\x1a',
      'ß',
      'Z',
      'é',
      'É2',
      '😀',
      '😀😀',
    ]
    await schema.execute('insert into word values ?', [words.map((word) => [word])])
    expect((await expectAllKeys('word', 'id', 1)).sort()).toEqual([...words].sort())
    await schema.execute(
      'create table latin (id varchar(40) character set latin1 collate latin1_german2_ci primary key)',
    )
    const german = ['ä', 'ad', 'af', 'Österreich', 'oz', 'ß', 'st', '€', 'zz']
    await schema.execute('insert into latin values ?', [german.map((word) => [word])])
    expect((await expectAllKeys('latin', 'id', 1)).sort()).toEqual([...german].sort())
  })

  test('lose nothing with binary keys', async () => {
    await schema.execute(
      'create table bin (id varbinary(20) primary key); create table fixed (id binary(3) primary key)',
    )
    const keys = ['', '00', '0000', '27', '5c', '61', '6100', '80', 'c328', 'ff', 'ff00', 'ffff']
    await schema.execute(
      `insert into bin values ${keys.map((hex) => (hex ? `(x'${hex}')` : "('')")).join(',')}`,
    )
    expect((await expectAllKeys('bin', 'id', 1)).sort()).toEqual(keys.map((hex) => `\\x${hex}`).sort())
    await schema.execute("insert into fixed values (x'000000'), (x'000001'), (x'610000'), (x'ffffff')")
    expect(await expectAllKeys('fixed', 'id', 1)).toEqual([
      '\\x000000',
      '\\x000001',
      '\\x610000',
      '\\xffffff',
    ])
  })

  test('lose nothing with composite keys of mixed types and collations', async () => {
    await schema.execute(`create table mixed (a int, b varchar(10) collate utf8mb4_general_ci, c bigint unsigned,
      d enum('z', 'a,b', 'it''s', 'back\\\\slash'), v int, primary key (a, b, c, d))`)
    const rows: unknown[][] = []
    for (const a of [-1, 0, 7]) {
      for (const b of ['', 'A', 'b', 'C']) {
        for (const c of ['0', '18446744073709551615'])
          for (const d of ['z', 'a,b', "it's", 'back\\slash']) rows.push([a, b, c, d, 1])
      }
    }
    await schema.execute('insert into mixed values ?', [rows])
    for (const size of [1, 2, 5, 96]) {
      expect(new Set(await expectAllKeys('mixed', 'a, b, c, d', size))).toHaveLength(rows.length)
    }
  })

  test('lose nothing with dates, decimals, floats, bits, sets and years as keys', async () => {
    const keys: Readonly<Record<string, readonly string[]>> = {
      date: ["'2016-12-25'", "'2017-02-28'", "'9999-12-31'"],
      'datetime(6)': ["'2016-12-25 00:00:00'", "'2016-12-25 00:00:00.000001'", "'2016-12-25 00:00:00.1'"],
      'timestamp(3)': ["'2016-12-25 00:00:00'", "'2016-12-25 00:00:00.001'", "'2038-01-19 03:14:07'"],
      'time(2)': ["'-838:59:59'", "'-00:00:00.01'", "'00:00:00'", "'838:59:59'"],
      'decimal(30,10)': ['-1.5', '-0.0000000001', '0', '12345678901234567890.0123456789'],
      float: ['-3.14', '0', '0.1', '16777216', '3.4e38'],
      double: ['-1e300', '-0.1', '0', '0.1', '0.30000000000000004', '1e22'],
      'bit(40)': ["b'0'", "b'1'", "b'1111111111111111111111111111111111111111'"],
      "set('a','b','c')": ["''", "'a'", "'b'", "'a,b'", "'c'", "'a,b,c'"],
      year: ['0', '1901', '2155'],
      'int(8) zerofill': ['0', '7', '4294967295'],
    }
    let number = 0
    for (const [type, values] of Object.entries(keys)) {
      const table = `k${number++}`
      await schema.execute(`create table ${table} (id ${type} primary key)`)
      await schema.execute(`insert into ${table} values ${values.map((value) => `(${value})`).join(',')}`)
      expect(await expectAllKeys(table, 'id', 1), type).toHaveLength(values.length)
    }
  })

  test('lose nothing with UUID and INET6 keys', async ({ skip }) => {
    skip(schema.flavour !== 'mariadb', 'types of MariaDB')
    await schema.execute('create table u (id uuid primary key); create table i (id inet6 primary key)')
    await schema.execute("insert into u values (uuid()), (uuid()), ('00000000-0000-0000-0000-000000000000')")
    await schema.execute(
      "insert into i values ('::'), ('::1'), ('::ffff:1.2.3.4'), ('2001:db8::1'), ('fe80::1')",
    )
    expect(await expectAllKeys('u', 'id', 1)).toHaveLength(3)
    expect(await expectAllKeys('i', 'id', 1)).toEqual([
      '::/128',
      '::1/128',
      '::ffff:1.2.3.4/128',
      '2001:db8::1/128',
      'fe80::1/128',
    ])
  })

  test('go on after a key with an impossible date, or with text that is not UTF-8', async () => {
    await schema.execute("set session sql_mode = 'ALLOW_INVALID_DATES'")
    await schema.execute('create table zero (id date primary key)')
    await schema.execute(
      "insert into zero values ('0000-00-00'), ('2016-00-00'), ('2016-02-30'), ('2017-01-01')",
    )
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['zero'], { chunkRows: 1, zeroDates: 'null' }))
    expect(mirror.keys()).toEqual(['zero ["2017-01-01"]'])
    expect(mirror.rejected).toHaveLength(3)
    expect(mirror.rejected[0]).toMatchObject({ stream: 'zero', key: null, raw: '{"id":"0000-00-00"}' })
  })

  test('read composite keys by a range of the index, whatever the place', async () => {
    await schema.execute(
      'create table pages (a int, b int, c int, filler varchar(100), primary key (a, b, c))',
    )
    const rows = Array.from({ length: 6000 }, (_, n) => [n % 10, n % 60, n, 'x'.repeat(90)])
    await schema.execute('insert into pages values ?; analyze table pages', [rows])
    const { connection, table } = await describe1(schema, 'pages')
    const [plan] = await connection.query(
      `explain ${selectChunk({ table, after: ['5', '5', '100'], limit: 50, lock: false })}`,
    )
    await connection.close()
    const text = JSON.stringify(plan)
    expect(text).toMatch(/"type":"range"|Index range scan on pages using PRIMARY/)
    expect(text).not.toMatch(/filesort|Sort:/)
    expect(laterThan(table, ['5', '5', '100'])).toBe(
      '((`a` > 5) or (`a` = 5 and `b` > 5) or (`a` = 5 and `b` = 5 and `c` > 100))',
    )
  })

  async function describe1(on: TestSchema, name: string): Promise<{ connection: Connection; table: Table }> {
    const connection = await Connection.open({ url: on.url })
    const tableName = { schema: on.name, name }
    const described = await describeTable(connection, tableName)
    const { flavour } = connection.server
    const table = assembleTable(described, { name: tableName, stream: name, flavour, zeroDates: 'null' })
    if (table === null) throw new Error(`${name} cannot be captured`)
    return { connection, table }
  }
})
