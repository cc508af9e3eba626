import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printDouble, printReal } from '../../src/cdc/rows/floats.ts'
import { Mirror, mysqlSource, mysqlServers, testSchema, type TestSchema } from './cdc-fixture.ts'

interface Case {
  readonly type: string
  readonly postgres: string
  /** Literal of the source → the text that is expected; null where any text that Postgres prints will do. */
  readonly values: Readonly<Record<string, string | null>>
  readonly only?: 'mysql' | 'mariadb'
}

const cases: readonly Case[] = [
  { type: 'tinyint(1)', postgres: 'smallint', values: { '-128': '-128', '1': '1', '127': '127' } },
  { type: 'tinyint unsigned', postgres: 'smallint', values: { '255': '255' } },
  { type: 'smallint unsigned', postgres: 'integer', values: { '65535': '65535' } },
  { type: 'mediumint', postgres: 'integer', values: { '-8388608': '-8388608' } },
  { type: 'int', postgres: 'integer', values: { '-2147483648': '-2147483648', '0': '0' } },
  { type: 'int unsigned', postgres: 'bigint', values: { '4294967295': '4294967295' } },
  { type: 'int(8) zerofill', postgres: 'bigint', values: { '0': '0', '7': '7' } },
  { type: 'bigint', postgres: 'bigint', values: { '-9223372036854775808': '-9223372036854775808' } },
  {
    type: 'bigint unsigned',
    postgres: 'numeric(20,0)',
    values: { '18446744073709551615': '18446744073709551615' },
  },
  {
    type: 'decimal(65,30)',
    postgres: 'numeric(65,30)',
    values: {
      '99999999999999999999999999999999999.999999999999999999999999999999':
        '99999999999999999999999999999999999.999999999999999999999999999999',
      '-0.5': '-0.500000000000000000000000000000',
      '-0': '0.000000000000000000000000000000',
    },
  },
  { type: 'decimal(8,2) zerofill', postgres: 'numeric(8,2)', values: { '1.5': '1.50', '0': '0.00' } },
  {
    type: 'float',
    postgres: 'real',
    values: {
      '3.14': '3.14',
      '16777216': '1.6777216e+07',
      '123456': '123456',
      '1234567': '1.234567e+06',
      '0.0001': '0.0001',
      '0.00001': '1e-05',
      '3.4028235e38': '3.4028235e+38',
      '1.4e-45': '1e-45',
      '-0.1': '-0.1',
      '0.3': '0.3',
      '16777217': '1.6777216e+07',
    },
  },
  {
    type: 'double',
    postgres: 'double precision',
    values: {
      '0.1': '0.1',
      '0.30000000000000004': '0.30000000000000004',
      '1e15': '1e+15',
      '999999999999999': '999999999999999',
      '123456789012345678': '1.2345678901234568e+17',
      '1.7976931348623157e308': '1.7976931348623157e+308',
      '5e-324': '5e-324',
      '1e-5': '1e-05',
      '-1e22': '-1e+22',
      '0': '0',
    },
  },
  { type: 'bit(1)', postgres: 'boolean', values: { "b'0'": 'false', "b'1'": 'true' } },
  { type: 'bit(10)', postgres: 'bit(10)', values: { "b'101'": '0000000101' } },
  { type: 'bit(64)', postgres: 'bit(64)', values: { '~0': '1'.repeat(64) } },
  { type: 'date', postgres: 'date', values: { "'2016-02-29'": '2016-02-29', "'9999-12-31'": '9999-12-31' } },
  {
    type: 'datetime(6)',
    postgres: 'timestamp(6)',
    values: {
      "'2017-01-01 00:00:00'": '2017-01-01 00:00:00',
      "'0001-01-01 10:20:30.120000'": '0001-01-01 10:20:30.12',
    },
  },
  { type: 'datetime', postgres: 'timestamp(0)', values: { "'2017-01-01 10:00:00'": '2017-01-01 10:00:00' } },
  {
    type: 'timestamp(3) null',
    postgres: 'timestamp(3) with time zone',
    values: { "'2017-06-01 12:00:00.500'": '2017-06-01 12:00:00.5+00' },
  },
  {
    type: 'time(6)',
    postgres: 'interval',
    values: {
      "'838:59:59'": '838:59:59',
      "'-838:59:59'": '-838:59:59',
      "'-00:00:00.5'": '-00:00:00.5',
      "'00:00:00'": '00:00:00',
      "'10:20:30.123456'": '10:20:30.123456',
    },
  },
  { type: 'year', postgres: 'smallint', values: { '2017': '2017', "'0000'": '0' } },
  { type: 'char(5)', postgres: 'varchar(5)', values: { "'ab  '": 'ab', "'é😀'": 'é😀' } },
  {
    type: 'varchar(20)',
    postgres: 'varchar(20)',
    values: { "'ab  '": 'ab  ', "'\\\\N'": '\\N', "'�'": '�', "''": '' },
  },
  { type: 'varchar(10) character set latin1', postgres: 'varchar(10)', values: { "'€ß'": '€ß' } },
  { type: 'varchar(10) character set sjis', postgres: 'varchar(10)', values: { "'表示'": '表示' } },
  { type: 'longtext', postgres: 'text', values: { "'a\\nb\\tc'": 'a\nb\tc' } },
  { type: "enum('a','b,c','it''s')", postgres: 'text', values: { "'b,c'": 'b,c', "'it''s'": "it's" } },
  { type: "set('x','y')", postgres: 'text', values: { "'y,x'": 'x,y', "''": '' } },
  { type: 'binary(4)', postgres: 'bytea', values: { "x'00ff'": '\\x00ff0000' } },
  { type: 'blob', postgres: 'bytea', values: { "x'00ff5c'": '\\x00ff5c', "''": '\\x' } },
  { type: 'json', postgres: 'json', values: { '\'{"b": 1.10, "a": [18446744073709551615, null]}\'': null } },
  { type: 'point', postgres: 'bytea', values: { "st_geomfromtext('point(1 2)', 4326)": null } },
  {
    type: 'vector(2)',
    postgres: 'real[]',
    values: { "to_vector('[1.5, -0.1]')": '{1.5,-0.1}' },
    only: 'mysql',
  },
  {
    type: 'uuid',
    postgres: 'uuid',
    values: { "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'": 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' },
    only: 'mariadb',
  },
  { type: 'inet4', postgres: 'inet', values: { "'10.0.0.1'": '10.0.0.1/32' }, only: 'mariadb' },
  {
    type: 'inet6',
    postgres: 'inet',
    values: {
      "'::'": null,
      "'::1'": null,
      "'::2'": null,
      "'::1.2.3.4'": null,
      "'::ffff:1.2.3.4'": null,
      "'1::'": null,
      "'1:0:0:2:0:0:0:3'": null,
      "'1:0:2:3:4:5:6:7'": null,
      "'::abcd'": null,
      "'1:2:3:4:5:6:0:0'": null,
      "'0:0:1:0:0:1:0:0'": null,
      "'::1:0:0'": null,
      "'::ffff:0:0'": null,
      "'::fffe:1:2'": null,
    },
    only: 'mariadb',
  },
]

const postgresUrl = process.env['TEST_POSTGRES_URL'] ?? ''

describe.each(mysqlServers)('values of $flavour', ({ url: serverUrl }) => {
  let schema: TestSchema
  beforeAll(async () => {
    schema = await testSchema(serverUrl)
    await schema.execute("set session sql_mode = 'ALLOW_INVALID_DATES'")
  })
  afterAll(() => schema.drop())

  async function read(table: string, zeroDates: 'null' | 'reject' = 'reject'): Promise<Mirror> {
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, [table], { zeroDates }))
    return mirror
  }

  test('of every type become the text that Postgres prints', async () => {
    const client = new pg.Client({ connectionString: postgresUrl })
    await client.connect()
    await client.query("set timezone = 'UTC'; set datestyle = 'ISO'; set bytea_output = 'hex'")
    let number = 0
    for (const { type, postgres, values, only } of cases) {
      if (only !== undefined && only !== schema.flavour) continue
      const table = `t${number++}`
      await schema.execute(`create table ${table} (id int primary key, v ${type})`)
      const literals = Object.keys(values)
      await schema.execute(
        `insert into ${table} values ${literals.map((literal, id) => `(${id}, ${literal})`).join(',')}, (99, null)`,
      )
      const mirror = await read(table)
      expect(mirror.rejected, type).toEqual([])
      expect(mirror.columns.get(table)?.[1]?.type).toBe(postgres)
      const rows = [...mirror.rows.values()]
      expect(rows.at(-1)?.v).toBeNull()
      for (const [id, expected] of Object.values(values).entries()) {
        const value = rows[id]?.v ?? null
        if (expected !== null) expect(value, `${type} ${literals[id] ?? ''}`).toBe(expected)
        const printed = await client.query<{ text: string }>(`select $1::${postgres}::text as text`, [value])
        expect(printed.rows[0]?.text, type).toBe(value)
      }
    }
    await client.end()
  })

  test('of 32-bit floats are exact although the server prints six digits', async () => {
    await schema.execute('create table exact (id int primary key, v float)')
    await schema.execute('insert into exact values (1, 16777215), (2, 0.1234567), (3, 8388609)')
    expect([...(await read('exact')).rows.values()].map(({ v }) => v)).toEqual([
      '1.6777215e+07',
      '0.1234567',
      '8.388609e+06',
    ])
  })

  test('that are floats print as Postgres prints them, whatever their bits', async () => {
    const client = new pg.Client({ connectionString: postgresUrl })
    await client.connect()
    const bits = Array.from({ length: 5000 }, () => randomBytes(8))
    const floats = bits.map((bytes) => bytes.readFloatLE(0)).filter(Number.isFinite)
    const doubles = bits.map((bytes) => bytes.readDoubleLE(0)).filter(Number.isFinite)
    const short = Array.from({ length: 3000 }, (_, n) => (n - 1500) / 10 ** (n % 20))
    const large = bits.map((bytes, n) => Number(bytes.readBigUInt64LE(0)) * 2 ** (n % 16) * (n % 2 ? 1 : 5))
    const ties = bits.map((bytes, n) => 2 ** (40 + (n % 12)) + bytes.readUInt32LE(0) / 2 ** (n % 9))
    for (const [type, print, values] of [
      ['real', printReal, [...floats, ...short.map(Math.fround)]],
      ['double precision', printDouble, [...doubles, ...short, ...large, ...ties]],
    ] as const) {
      const texts = values.map(print)
      const sql = `select t, t::${type}::text as printed from unnest($1::text[]) t where t::${type}::text <> t`
      expect((await client.query(sql, [texts])).rows).toEqual([])
      const exact = `select count(*) as n from unnest($1::text[], $2::float8[]) u (t, f) where t::${type} <> f::${type}`
      expect((await client.query(exact, [texts, values])).rows).toEqual([{ n: '0' }])
    }
    await client.end()
  })

  test('with impossible dates are null or rejected, as configured', async () => {
    await schema.execute('create table dates (id int primary key, d date not null, t datetime not null)')
    await schema.execute(`insert into dates values (1, '0000-00-00', '0000-00-00 00:00:00'), (2, '2017-00-01', '2017-02-30 10:00:00'),
      (3, '2017-01-01', '2017-01-01 00:00:00')`)
    const nulled = await read('dates', 'null')
    expect([...nulled.rows.values()].map(({ d, t }) => [d, t])).toEqual([
      [null, null],
      [null, null],
      ['2017-01-01', '2017-01-01 00:00:00'],
    ])
    expect(nulled.columns.get('dates')?.map(({ nullable }) => nullable)).toEqual([false, true, true])
    const rejected = await read('dates')
    expect(rejected.rows.size).toBe(1)
    expect(rejected.rejected.map(({ key, code }) => [key, code])).toEqual([
      [['1'], 'impossible-date'],
      [['2'], 'impossible-date'],
    ])
    expect(rejected.rejected[0]?.reason).toContain('column d')
    expect(rejected.rejected[0]?.reason).toContain('column t')
  })

  test('with U+0000 are rejected with their key, and a real U+FFFD is kept', async () => {
    await schema.execute('create table odd (id int primary key, s varchar(20), b blob)')
    await schema.execute("insert into odd values (1, 'a\\0b', 'x'), (2, '�', x'ff'), (3, 'ok', null)")
    const mirror = await read('odd')
    expect(mirror.rejected).toMatchObject([
      { stream: 'odd', key: ['1'], code: 'zero-character', raw: '{"id":"1","s":"a\\u0000b","b":"x"}' },
    ])
    expect([...mirror.rows.values()]).toEqual([
      { id: '2', s: '�', b: '\\xff' },
      { id: '3', s: 'ok', b: null },
    ])
  })

  test('with bytes that are not UTF-8 are rejected', async ({ skip }) => {
    skip(schema.flavour !== 'mariadb', 'MySQL never sends half a surrogate pair')
    await schema.execute('create table half (id int primary key, s varchar(9) character set ucs2)')
    await schema.execute("insert into half values (1, _ucs2 x'D800'), (2, 'ok')")
    const mirror = await read('half')
    expect(mirror.rejected).toMatchObject([
      { key: ['1'], code: 'invalid-utf8', raw: '{"id":"1","s":"\\\\xeda080"}' },
    ])
    expect([...mirror.rows.values()]).toEqual([{ id: '2', s: 'ok' }])
  })

  test('of generated and invisible columns are included', async () => {
    const invisible = schema.flavour === 'mysql' ? 'h int default 5 invisible' : 'h int invisible default 5'
    await schema.execute(
      `create table gen (id int primary key, a int, g int as (a * 2) stored, w int as (a + 1) virtual, ${invisible})`,
    )
    await schema.execute('insert into gen (id, a) values (1, 10)')
    expect([...(await read('gen')).rows.values()]).toEqual([{ id: '1', a: '10', g: '20', w: '11', h: '5' }])
  })

  test('keep the names and comments of odd columns', async () => {
    await schema.execute(
      "create table names (`id` int primary key comment 'the ''key''', `a``b` int, `select` int, `ünï` int)",
    )
    await schema.execute('insert into names values (1, 2, 3, 4)')
    const mirror = await read('names')
    expect([...mirror.rows.values()]).toEqual([{ id: '1', 'a`b': '2', select: '3', ünï: '4' }])
    expect(mirror.columns.get('names')?.[0]?.comment).toBe("the 'key'")
  })
})
