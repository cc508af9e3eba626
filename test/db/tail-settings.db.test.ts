import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startMysql } from '../../scripts/servers/start-mysql.mjs'
import { createLogger } from '../../src/runtime/logger.ts'
import { Mirror } from '../support/mirror.ts'
import { testSchema } from '../support/mysql.ts'
import { mysqlSource, type TestSchema } from './cdc-fixture.ts'
import { follow, type Follower, followersPerTest } from './tail-fixture.ts'

/** Servers of this file alone: their settings are changed. */
describe.each(['mariadb', 'mysql'] as const)('a server of %s', (flavour) => {
  let server: Awaited<ReturnType<typeof startMysql>>
  let schema: TestSchema
  const { follow } = followersPerTest()

  beforeAll(async () => {
    server = await startMysql({ flavour })
    schema = await testSchema(server)
    await schema.execute('create table t (id int primary key); insert into t values (1), (2)')
  }, 120_000)
  afterAll(() => server.stop())

  function start(mirror = new Mirror()): Follower {
    const follower = follow(schema, ['t'], { mirror })
    return follower
  }

  test('whose settings would lose changes is refused with the cure, before and while it is followed', async () => {
    const wanted = { binlog_row_metadata: 'FULL', binlog_row_image: 'FULL', binlog_format: 'ROW' }
    const wrong = { binlog_row_metadata: 'MINIMAL', binlog_row_image: 'MINIMAL', binlog_format: 'STATEMENT' }
    for (const [name, value] of Object.entries(wanted) as [keyof typeof wanted, string][]) {
      const before = start()
      await before.caughtUp(schema)
      await before.stop()
      await schema.execute(`set global ${name} = ${wrong[name]}`)
      try {
        const code = name.replaceAll('_', '-')
        const source = mysqlSource(schema, ['t'], { follow: true })
        const defects = await source.preflight(new AbortController().signal)
        const defect = defects.find((one) => one.code === code)
        expect(defect).toMatchObject({ severity: 'fatal' })
        expect(defect?.cure).toMatch(new RegExp(`^set (?:persist|global) ${name} = '${value}';`))
        await expect(start(before.mirror).done).rejects.toMatchObject({ code, name: 'OperatorError' })
      } finally {
        await schema.execute(`set global ${name} = ${value}`)
      }
    }
  })

  test('that replicates without logging it would never reach the place of a read: it is refused', async () => {
    const silent = { 'log-slave-updates': 'OFF', 'gtid-strict-mode': 'ON' }
    const replica = await startMysql({
      flavour,
      options: flavour === 'mariadb' ? silent : { 'log-replica-updates': 'OFF' },
    })
    try {
      const onReplica = await testSchema(replica)
      await onReplica.execute('create table t (id int primary key)')
      const source = mysqlSource(onReplica, ['t'], { follow: true })
      const check = () => source.preflight(new AbortController().signal)
      expect(await check()).toEqual([])
      await onReplica.execute(
        flavour === 'mariadb'
          ? "change master to master_host = '127.0.0.1'"
          : "change replication source to source_host = '127.0.0.1'",
      )
      expect(await check()).toMatchObject([{ severity: 'fatal', code: 'log-replica-updates' }])
    } finally {
      await replica.stop()
    }
  }, 120_000)

  test('that numbers a transaction below the one before it is read anew, by itself', async ({ skip }) => {
    skip(flavour !== 'mariadb', 'the sets of MySQL know no order')
    const lines: string[] = []
    const follower = follow(schema, ['t'], {
      log: createLogger('debug', { write: (line) => lines.push(line) }),
    })
    await follower.caughtUp(schema)
    await schema.execute('set session gtid_seq_no = 100000; insert into t values (10)')
    await follower.caughtUp(schema)
    await schema.execute('set session gtid_seq_no = 50000; insert into t values (11)')
    await follower.until(() => follower.mirror.position?.includes('"run":2') === true)
    await schema.execute('insert into t values (12)')
    await follower.caughtUp(schema)
    expect(follower.mirror.rows('t').map(({ id }) => id)).toEqual(['1', '10', '11', '12', '2'])
    const said = lines.filter((line) => line.includes('gtid-out-of-order')).join('')
    expect(said).toMatch(/gtid_strict_mode.*every table is read again/)
  })

  test('that is in another time zone tells the same moments by its log and its rows', async () => {
    await schema.execute("set global time_zone = '-07:00'")
    try {
      const there = await testSchema(server)
      await there.execute('create table z (id int primary key, at timestamp(3) null, d datetime)')
      await there.execute("insert into z values (1, '2017-02-02 03:04:05.678', '2017-02-02 03:04:05')")
      const follower = follow(there, ['z'])
      await follower.caughtUp(there)
      await there.execute("insert into z values (2, '2017-02-02 03:04:05.678', '2017-02-02 03:04:05')")
      await follower.caughtUp(there)
      const [read, streamed] = follower.mirror.rows('z')
      expect(read).toEqual({ id: '1', at: '2017-02-02 10:04:05.678+00', d: '2017-02-02 03:04:05' })
      expect(streamed).toEqual({ ...read, id: '2' })
      await follower.stop()
      await there.drop()
    } finally {
      await schema.execute('set global time_zone = default')
    }
  })

  test('does not end a connection that we let wait, however short its own patience is', async () => {
    await schema.execute('create table w (id int primary key, v longtext); set global net_write_timeout = 1')
    try {
      const lines: string[] = []
      const log = createLogger('debug', { write: (line) => lines.push(line) })
      const follower = follow(schema, ['w'], { batchBytes: 10_000, log })
      await follower.caughtUp(schema)
      follower.hold()
      for (let id = 0; id < 30; id++)
        await schema.execute(`insert into w values (${id}, repeat('x', 1000000))`)
      // The guarantee is about time: the server may not send for longer than it waits for others.
      await delay(2_500)
      follower.release()
      await follower.caughtUp(schema)
      expect(follower.mirror.rows('w')).toHaveLength(30)
      expect(lines.filter((line) => line.includes('following the log'))).toHaveLength(1)
    } finally {
      await schema.execute('set global net_write_timeout = default; drop table w')
    }
  })
})

test('a MySQL whose engine cascades by itself does not log it: such a table is refused', async () => {
  const server = await startMysql({ flavour: 'mysql', options: { 'innodb-native-foreign-keys': 'ON' } })
  try {
    const schema = await testSchema(server)
    await schema.execute(`create table parent (id int primary key); create table child (id int primary key, p int,
      constraint to_parent foreign key (p) references parent (id) on delete set null)`)
    const source = mysqlSource(schema, ['parent', 'child'], { follow: true })
    const defects = await source.preflight(new AbortController().signal)
    expect(defects).toMatchObject([{ severity: 'fatal', code: 'foreign-key-cascade' }])
    await schema.execute(defects[0]?.cure ?? '')
    expect(await source.preflight(new AbortController().signal)).toEqual([])
    await schema.drop()
  } finally {
    await server.stop()
  }
}, 120_000)

test('a server that takes names in any case for the same is followed by any of them', async () => {
  const server = await startMysql({ flavour: 'mariadb', options: { 'lower-case-table-names': 1 } })
  try {
    const schema = await testSchema(server)
    await schema.execute('create table T (id int primary key); insert into T values (1)')
    const follower = follow(schema, ['T'])
    await follower.caughtUp(schema)
    await schema.execute('insert into t values (2)')
    await follower.caughtUp(schema)
    expect(follower.mirror.rows('T')).toHaveLength(2)
    await schema.execute(`drop database ${schema.name.toUpperCase()}`)
    await follower.until(() => follower.source.status?.().stopped.has('T') === true)
    await schema.execute(`create database ${schema.name}; use ${schema.name}`)
    await schema.execute('create table if not exists t (id int primary key); insert into t values (3)')
    await follower.caughtUp(schema)
    expect(follower.mirror.rows('T')).toEqual([{ id: '3' }])
    await follower.stop()
    await schema.drop()
  } finally {
    await server.stop()
  }
}, 120_000)
