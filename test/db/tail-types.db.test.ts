import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mysqlServers, testSchema, type TestSchema } from './cdc-fixture.ts'
import { follow, snapshotRows, sortedTexts } from './tail-fixture.ts'

interface Case {
  readonly type: string
  readonly values: readonly string[]
  readonly only?: 'mysql' | 'mariadb'
}

const characterSets = [
  'latin1',
  'latin2',
  'ascii',
  'cp1251',
  'koi8r',
  'dec8',
  'hp8',
  'swe7',
  'geostd8',
  'keybcs2',
  'ucs2',
  'utf16',
  'utf16le',
  'utf32',
  'sjis',
  'cp932',
  'big5',
  'gbk',
  'gb2312',
  'euckr',
  'ujis',
  'eucjpms',
]

const cases: readonly Case[] = [
  { type: 'tinyint(1)', values: ['-128', '0', '1', '127'] },
  { type: 'tinyint unsigned', values: ['0', '255'] },
  { type: 'smallint', values: ['-32768', '32767'] },
  { type: 'smallint unsigned', values: ['65535'] },
  { type: 'mediumint', values: ['-8388608', '8388607', '-1'] },
  { type: 'mediumint unsigned', values: ['16777215'] },
  { type: 'int', values: ['-2147483648', '2147483647', '0'] },
  { type: 'int unsigned', values: ['4294967295'] },
  { type: 'int(8) zerofill', values: ['0', '7'] },
  {
    type: 'bigint',
    values: [
      '-9223372036854775808',
      '9223372036854775807',
      '9007199254740993',
      '-9007199254740993',
      '-1',
      '-4294967297',
    ],
  },
  { type: 'bigint unsigned', values: ['18446744073709551615', '9007199254740992', '0'] },
  {
    type: 'decimal(65,30)',
    values: [
      '99999999999999999999999999999999999.999999999999999999999999999999',
      '-0.5',
      '-0',
      '-123456789.000000001',
    ],
  },
  { type: 'decimal(8,2) zerofill', values: ['1.5', '0'] },
  { type: 'decimal(18,9)', values: ['-1', '123456789.123456789', '0.000000001'] },
  { type: 'decimal(5,5)', values: ['0.12345', '-0.00001'] },
  { type: 'decimal(20,0)', values: ['99999999999999999999', '-10000000000', '1000000000'] },
  {
    type: 'float',
    values: ['3.14', '16777216', '0.00001', '3.4028235e38', '1.4e-45', '-0.1', '-0e0', '0.3'],
  },
  {
    type: 'double',
    values: ['0.1', '1e15', '1.7976931348623157e308', '5e-324', '-1e22', '-0e0', '9007199254740993'],
  },
  { type: 'bit(1)', values: ["b'0'", "b'1'"] },
  { type: 'bit(10)', values: ["b'101'", "b'1111111111'"] },
  { type: 'bit(64)', values: ['~0', "b'1'"] },
  { type: 'date', values: ["'2016-02-29'", "'9999-12-31'", "'0001-01-01'"] },
  { type: 'datetime', values: ["'2017-01-01 10:00:00'", "'9999-12-31 23:59:59'"] },
  { type: 'datetime(1)', values: ["'2017-01-01 10:00:00.9'"] },
  { type: 'datetime(3)', values: ["'2017-01-01 10:00:00.009'"] },
  {
    type: 'datetime(6)',
    values: ["'2017-01-01 00:00:00'", "'0001-01-01 10:20:30.120000'", "'2017-01-01 23:59:59.999999'"],
  },
  {
    type: 'timestamp null',
    values: ["'2017-06-01 12:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"],
  },
  { type: 'timestamp(3) null', values: ["'2017-06-01 12:00:00.500'"] },
  { type: 'timestamp(6) null', values: ["'2017-06-01 12:00:00.000001'"] },
  { type: 'time', values: ["'838:59:59'", "'-838:59:59'", "'00:00:00'", "'-00:00:01'"] },
  { type: 'time(1)', values: ["'-00:00:00.5'", "'10:20:30.1'", "'-10:20:30.9'"] },
  { type: 'time(4)', values: ["'-00:00:00.5'", "'-10:20:30.9876'"] },
  { type: 'time(6)', values: ["'-838:59:58.999999'", "'-00:00:00.000001'", "'10:20:30.123456'"] },
  { type: 'year', values: ['2017', "'0000'", '1901', '2155'] },
  { type: 'char(5)', values: ["'ab  '", "'é😀'", "''"] },
  { type: 'char(255)', values: ["repeat('é', 255)", "'x'"] },
  { type: 'varchar(20)', values: ["'ab  '", "'\\\\N'", "'�'", "''", "'日本語'"] },
  { type: 'varchar(300)', values: ["repeat('ü', 300)", "'a'"] },
  ...characterSets.map((name) => ({
    type: `varchar(40) character set ${name}`,
    values: ["'plain ascii'", "'É€ß表示Ж'", "'[\\\\]{|}~'", "'ﾃｽﾄ'", "''"],
  })),
  { type: 'varchar(10) character set gb18030', values: ["'表示'", "'😀'"], only: 'mysql' },
  { type: 'tinytext', values: ["'a'"] },
  { type: 'text', values: ["repeat('long ', 5000)"] },
  { type: 'mediumtext', values: ["repeat('x', 70000)"] },
  { type: 'longtext', values: ["'a\\nb\\tc'", "repeat('é', 100000)"] },
  { type: "enum('a','b,c','it''s','é')", values: ["'b,c'", "'it''s'", "'é'", '0'] },
  { type: "enum('x','ß') character set latin1", values: ["'ß'"] },
  { type: "set('x','y','z w')", values: ["'y,x'", "''"] },
  {
    type: `set(${Array.from({ length: 64 }, (_, n) => `'m${n}'`).join(',')})`,
    values: ["'m0,m31,m32,m63'", '~0'],
  },
  { type: 'binary(4)', values: ["x'00ff'", "x'ff000000'", "''"] },
  { type: 'varbinary(300)', values: ["x'00ff5c00'", "''", "repeat('a', 300)"] },
  { type: 'blob', values: ["x'00ff5c'", "''"] },
  { type: 'longblob', values: ["repeat('b', 100000)"] },
  { type: 'json', values: ["'null'", "'true'", "'[]'", "'{}'", `'"text"'`, "'1'"] },
  {
    type: 'json',
    values: [
      `'{"b": 1.10, "a": [18446744073709551615, null], "aa": -9223372036854775808}'`,
      `'{"__proto__": 1, "2": "x", "10": "y", "1": "z"}'`,
      `'[1.0, -0.0, 1e20, 1e-20, 123456789012345680000, 0.1, 1e15, 1e14, 123456.789, 2e308]'`.replace(
        ', 2e308',
        '',
      ),
      `'[0, 1, -1, 127, 32767, 32768, -32769, 65535, 65536, 2147483647, 2147483648, 4294967296, -2147483649]'`,
      `'{"é": "\\\\u00e9\\\\n\\\\"\\\\\\\\ \\\\u001f \\\\/ 😀"}'`,
      `concat('[', repeat('"0123456789", ', 9000), '1, 70000, true, {"a": 65536}]')`,
      `concat('{"k": "', repeat('x', 200), '", "l": "', repeat('y', 40000), '"}')`,
    ],
  },
  {
    type: 'json',
    values: [
      "json_object('d', cast('2017-02-03' as date), 't', cast('-10:20:30.5' as time(6)), 'dt', cast('2017-02-03 04:05:06.789' as datetime(6)))",
      "json_object('n', cast(1.10 as decimal(10,2)), 'm', cast(-0.5 as decimal(65,30)), 'b', cast('ab' as binary), 'l', cast(repeat('q', 100) as binary))",
      "json_array(b'101', cast(1 as unsigned), cast(1.5 as double), cast(1e300 as double))",
    ],
    only: 'mysql',
  },
  { type: 'point', values: ["st_geomfromtext('point(1 2)', 4326)", "st_geomfromtext('point(3 4)')"] },
  { type: 'geometry', values: ["st_geomfromtext('polygon((0 0, 1 0, 1 1, 0 0))')"] },
  { type: 'vector(2)', values: ["to_vector('[1.5, -0.1]')"], only: 'mysql' },
  {
    type: 'uuid',
    values: [
      "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
      "'00000000-0000-0000-0000-000000000000'",
      "'a0eebc99-9c0b-1ef8-8b6d-000000000000'",
    ],
    only: 'mariadb',
  },
  { type: 'inet4', values: ["'10.0.0.1'", "'10.0.0.0'", "'0.0.0.0'"], only: 'mariadb' },
  { type: 'inet6', values: ["'::'", "'::1'", "'1::'", "'::ffff:1.2.3.4'", "'2001:db8::'"], only: 'mariadb' },
  { type: 'varchar(500) compressed', values: ["repeat('é', 400)", "'short'", "''"], only: 'mariadb' },
  { type: 'text compressed', values: ["repeat('long ', 5000)", "'s'"], only: 'mariadb' },
  { type: 'blob compressed', values: ["repeat('b', 5000)"], only: 'mariadb' },
]

describe.each(mysqlServers)('values in the log of $flavour', ({ url }) => {
  let schema: TestSchema
  beforeAll(async () => {
    schema = await testSchema(url)
    await schema.execute("set session sql_mode = 'ALLOW_INVALID_DATES'")
  })
  afterAll(() => schema.drop())

  test('of every type equal those that a select gives, after inserts, updates and deletes', async () => {
    const wanted = cases.filter(({ only }) => only === undefined || only === schema.flavour)
    const tables = wanted.map((_, number) => `t${number}`)
    for (const [number, { type }] of wanted.entries()) {
      await schema.execute(`create table t${number} (id int primary key, v ${type}, n ${type})`)
    }
    const follower = follow(schema, tables)
    await follower.caughtUp(schema)
    for (const [number, { values }] of wanted.entries()) {
      const rows = values.map((literal, id) => `(${id}, ${literal}, null)`)
      await schema.execute(
        `insert into t${number} values ${rows.join(',')}, (98, null, ${values[0] ?? 'null'}), (99, null, null)`,
      )
      const [first = 'null'] = values
      await schema.execute(`update t${number} set n = ${first}, id = id + 200 where id < 98`)
      await schema.execute(
        `insert into t${number} values (1, ${first}, ${first}), (2, ${values.at(-1) ?? first}, null)`,
      )
      await schema.execute(`update t${number} set v = null where id = 1`)
      await schema.execute(`delete from t${number} where id = 99`)
    }
    await follower.caughtUp(schema)
    expect(follower.mirror.rejected).toEqual([])
    for (const [number, { type }] of wanted.entries()) {
      const mirrored = sortedTexts(follower.mirror.rows(`t${number}`))
      expect(mirrored, type).toEqual(sortedTexts(await snapshotRows(schema, `t${number}`)))
    }
    await follower.stop()
  })
})
