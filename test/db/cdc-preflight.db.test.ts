import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Mirror, mysqlSource, mysqlServers, testSchema, type TestSchema } from './cdc-fixture.ts'

describe.each(mysqlServers)('the preflight of $flavour', ({ url: serverUrl }) => {
  let schema: TestSchema
  let user: string
  beforeAll(async () => {
    schema = await testSchema(serverUrl)
    user = schema.name
    await schema.execute(`create user '${user}'@'%' identified by 'se:cr@et'`)
    await schema.execute('create table good (id int primary key, v int)')
    await schema.execute('create table keyless (a int not null, b int)')
    await schema.execute('create table nullable (a int null, b int, unique key u (a))')
    await schema.execute('create table unique_only (a int not null, b int not null, unique key u (a, b))')
    await schema.execute('create table prefixed (a text not null, primary key (a(10)))')
    await schema.execute('create view looked_at as select * from good')
    await schema.execute('create table hidden (id int primary key)')
    await schema.execute(`grant select on ${schema.name}.good to '${user}'@'%'`)
    for (const table of ['keyless', 'nullable', 'unique_only', 'prefixed', 'looked_at']) {
      await schema.execute(`grant select on ${schema.name}.${table} to '${user}'@'%'`)
    }
  })
  afterAll(async () => {
    await schema.execute(`drop user '${user}'@'%'`)
    await schema.drop()
  })

  function asUser(): { url: string } {
    const url = new URL(schema.url)
    url.username = user
    url.password = encodeURIComponent('se:cr@et')
    return { url: url.toString() }
  }
  const signal = new AbortController().signal

  test('finds nothing wrong with a good table and all grants', async () => {
    expect(await mysqlSource(schema, ['good', 'unique_only']).preflight(signal)).toEqual([])
  })

  test('tells every defect at once, each with its cure', async () => {
    const tables = ['good', 'keyless', 'nullable', 'prefixed', 'looked_at', 'hidden', 'absent', 'nowhere.t']
    const defects = await mysqlSource(schema, tables, asUser()).preflight(signal)
    const found = defects.map(({ severity, code, cure }) => [severity, code, cure])
    const grantee = `'${user}'@'%'`
    const monitor = schema.flavour === 'mariadb' ? 'binlog monitor' : 'replication client'
    expect(found).toContainEqual([
      'fatal',
      'key-missing',
      `alter table \`${schema.name}\`.\`nullable\` add primary key (\`a\`);`,
    ])
    expect(found).toContainEqual([
      'fatal',
      'grant-missing',
      `grant select on \`${schema.name}\`.\`hidden\` to ${grantee};`,
    ])
    expect(found).toContainEqual(['warning', 'grant-missing', `grant ${monitor} on *.* to ${grantee};`])
    expect(found.map(([, code]) => code).sort()).toEqual(
      [
        'database-missing',
        'grant-missing',
        'grant-missing',
        'grant-missing',
        'key-missing',
        'key-missing',
        'key-unsupported',
        'not-a-table',
      ].sort(),
    )
    expect(JSON.stringify(defects)).not.toContain('se:cr')
  })

  test('every cure for a missing key is a statement that works', async () => {
    const defects = await mysqlSource(schema, ['keyless', 'nullable', 'prefixed']).preflight(signal)
    expect(defects).toHaveLength(3)
    for (const { cure } of defects) await schema.execute(cure)
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['keyless', 'nullable', 'prefixed']))
    expect(mirror.batches).toHaveLength(3)
  })

  test('snapshots without the grant that only the tail needs', async () => {
    await schema.execute('insert into good values (1, 2)')
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['good'], asUser()))
    expect(mirror.rows.size).toBe(1)
  })

  test('a table or column that is not there, and a type that is not wanted, are named', async () => {
    const defects = await mysqlSource(schema, ['good'], {
      tables: [
        { table: 'good', stream: 'a', columns: ['v', 'w'] },
        { table: 'gone', stream: 'b' },
      ],
    }).preflight(signal)
    expect(defects.map(({ code }) => code)).toEqual(['column-missing', 'table-missing'])
    expect(defects[0]?.message).toContain('no column w')
  })

  test('a wrong password, an unknown host and a closed port are one defect each, without the password', async () => {
    const urls = [
      Object.assign(new URL(schema.url), { password: 'wrong-secret' }).toString(),
      'mysql://root:wrong-secret@no-such-host.invalid/x',
      'mysql://root:wrong-secret@127.0.0.1:1/x',
    ]
    const codes: (string | undefined)[] = []
    for (const url of urls) {
      const defects = await mysqlSource(schema, ['good'], { url }).preflight(signal)
      expect(defects).toHaveLength(1)
      expect(JSON.stringify(defects)).not.toContain('wrong-secret')
      codes.push(defects[0]?.code)
    }
    expect(codes).toEqual(['access-denied', 'unknown-host', 'server-unreachable'])
  })

  test('opening a table without a key fails with the cure', async () => {
    await schema.execute('create table keyless2 (a int)')
    await expect(new Mirror().follow(mysqlSource(schema, ['keyless2']))).rejects.toMatchObject({
      code: 'key-missing',
      area: 'configuration',
    })
    await expect(new Mirror().follow(mysqlSource(schema, ['absent']))).rejects.toMatchObject({
      code: 'table-missing',
    })
  })
})
