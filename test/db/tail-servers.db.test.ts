import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mulberry32 } from '../../examples/vendor-match/simulator-hostile.ts'
import { startMysql } from '../../scripts/servers/start-mysql.mjs'
import { Mirror } from '../support/mirror.ts'
import { testSchema } from '../support/mysql.ts'
import { writeRandomly, Writing, writtenTables } from '../support/writers.ts'
import { mysqlSource, type TestSchema } from './cdc-fixture.ts'
import {
  type Follower,
  followersPerTest,
  expectSame,
  readings,
  snapshotRows,
  sortedTexts,
} from './tail-fixture.ts'

type Server = Awaited<ReturnType<typeof startMysql>>

const kinds = [
  { kind: 'MariaDB', flavour: 'mariadb', options: { 'log-slave-updates': 'ON', 'gtid-strict-mode': 'ON' } },
  { kind: 'MySQL', flavour: 'mysql', options: {} },
  {
    kind: 'MySQL without GTIDs',
    flavour: 'mysql',
    options: { 'gtid-mode': 'OFF', 'enforce-gtid-consistency': 'OFF' },
  },
] as const

/** Servers of this file alone: they are restarted, purged and replaced. */
describe.each(kinds)('a server of $kind', ({ kind, flavour, options }) => {
  const hasGtids = kind !== 'MySQL without GTIDs'
  let server: Server
  let schema: TestSchema
  const { follow } = followersPerTest()

  beforeAll(async () => {
    server = await startMysql({ flavour, options })
    schema = await testSchema(server)
    await schema.execute(
      'create table t (id int primary key, v varchar(50)); insert into t values (1, 1), (2, 2)',
    )
  }, 120_000)
  afterAll(() => server.stop())

  function start(mirror = new Mirror(), of = schema): Follower {
    const follower = follow(of, ['t'], { mirror })
    return follower
  }

  /** As after a long absence. A log that is still being sent to somebody is kept. */
  async function purge(): Promise<void> {
    await schema.execute('flush binary logs; flush binary logs')
    for (;;) {
      const logs = await schema.execute('show binary logs')
      if (logs.length === 1) return
      await schema.execute('purge binary logs to ?', [logs.at(-1)?.Log_name])
    }
  }

  test('is read anew from a position that nobody can read once a resync is asked for', async () => {
    const first = start()
    await first.caughtUp(schema)
    await first.stop()
    const { mirror } = first
    mirror.position = 'changed by hand'
    const again = start(mirror)
    await expect(again.done).rejects.toMatchObject({ code: 'position-unreadable' })
    await isReadAnewOnceAsked(again)
  })

  /** As the hint of the error says. */
  async function isReadAnewOnceAsked({ source, mirror }: Follower): Promise<void> {
    await schema.execute("replace into t values (80, 'on this server')")
    // One that was asked for before does not mean this server.
    source.resync?.('t')
    const refused = follow(schema, ['t'], { source, mirror })
    await expect(refused.done).rejects.toMatchObject({ resyncMends: true })
    const follower = follow(schema, ['t'], { source, mirror, anew: true })
    await follower.until(() => mirror.position?.includes('"run":2') === true)
    await expectSame(follower, schema, 't')
    expect(readings(follower)).toHaveLength(1)
  }

  test('that rotates its log loses nothing', async () => {
    const follower = start()
    await follower.caughtUp(schema)
    for (let id = 10; id < 20; id++)
      await schema.execute(`insert into t values (${id}, 'x'); flush binary logs`)
    await expectSame(follower, schema, 't')
    expect(readings(follower)).toHaveLength(1)
  })

  test('that purged what was not read yet is read anew, by itself', async () => {
    const first = start()
    await first.caughtUp(schema)
    await first.stop()
    await schema.execute("delete from t where id = 2; insert into t values (30, 'while away')")
    await purge()
    await schema.execute("insert into t values (31, 'after')")
    const second = start(first.mirror)
    await expectSame(second, schema, 't')
    expect(readings(second)).toHaveLength(1)
    expect(second.mirror.position).toContain('"run":2')
    await schema.execute("insert into t values (32, 'followed')")
    await expectSame(second, schema, 't')
  })

  test('that purged only what was read is followed on', async ({ skip }) => {
    skip(!hasGtids, 'without them nobody can tell what else was in a file that is gone')
    const first = start()
    await first.caughtUp(schema)
    await first.stop()
    await purge()
    await schema.execute("insert into t values (40, 'after')")
    const second = start(first.mirror)
    await expectSame(second, schema, 't')
    expect(readings(second)).toHaveLength(0)
  })

  test('tells how long it keeps what comes next', async () => {
    const follower = start()
    await schema.execute('set global binlog_expire_logs_seconds = 7200')
    await follower.caughtUp(schema)
    await follower.until(() => (follower.source.status?.().headroomMs ?? null) !== null)
    const headroom = follower.source.status?.().headroomMs ?? 0
    expect(headroom).toBeGreaterThan(7_100_000)
    expect(headroom).toBeLessThanOrEqual(7_200_000)
  })

  test('that was restored from a backup, and lacks what was read, is not followed until a resync is asked for', async () => {
    const follower = start()
    await follower.caughtUp(schema)
    await follower.stop()
    const { mirror } = follower
    mirror.position = (mirror.position ?? '').replace(
      /(\d+)("?}})$/,
      (_, number, end) => `${Number(number) + 1_000_000}${String(end)}`,
    )
    const again = start(mirror)
    await expect(again.done).rejects.toMatchObject({ code: 'server-behind', name: 'OperatorError' })
    await isReadAnewOnceAsked(again)
  })

  test('that is killed and comes back is followed on, and empties what it had in memory', async () => {
    await schema.execute(
      'create table m (id int, primary key (id) using btree) engine = memory; insert into m values (1)',
    )
    const follower = follow(schema, ['t', 'm'])
    await follower.caughtUp(schema)
    expect(follower.mirror.rows('m')).toHaveLength(1)
    await schema.execute("insert into t values (50, 'before'); update t set v = 'changed' where id = 1")
    await server.kill('SIGKILL')
    await server.restart()
    schema = await reopened(schema, server.url)
    await schema.execute("insert into t values (51, 'after')")
    // Whoever opens the table first finds it empty, and then it is logged.
    expect(await schema.execute('select * from m')).toEqual([])
    await expectSame(follower, schema, 't')
    await follower.until(() => follower.mirror.rows('m').length === 0)
  })

  test('that others write to while a table is read loses nothing', async () => {
    await schema.execute(writtenTables)
    const writing = new Writing()
    const writers = [1, 2, 3].map((n) => writeRandomly(schema.url, mulberry32(n), writing))
    const follower = follow(schema, ['item', 'part'], { chunkRows: 20 })
    for (let round = 1; round <= 5; round++) {
      await follower.until(() => writing.statements > round * 200 && !follower.mirror.isResyncing())
      follower.source.resync?.('item')
    }
    writing.on = false
    await Promise.all(writers)
    await follower.caughtUp(schema)
    for (const table of ['item', 'part'])
      expect(sortedTexts(follower.mirror.rows(table))).toEqual(sortedTexts(await snapshotRows(schema, table)))
  })

  test('without GTIDs that is another one is not followed, whatever its files are called, until a resync is asked for', async ({
    skip,
  }) => {
    skip(hasGtids, 'GTIDs mean the same on all servers')
    const follower = start()
    await follower.caughtUp(schema)
    await follower.stop()
    const { mirror } = follower
    mirror.position = (mirror.position ?? '').replace(/"server":"[^"]+"/, '"server":"of another"')
    const again = start(mirror)
    await expect(again.done).rejects.toMatchObject({ code: 'other-server', name: 'OperatorError' })
    await isReadAnewOnceAsked(again)
  })

  test('without GTIDs is followed by an account that may ask for exact places, which the preflight says', async ({
    skip,
  }) => {
    skip(hasGtids, 'it need not be asked')
    await schema.execute(`create user reader identified by 'secret'; grant select on ${schema.name}.* to reader;
      grant replication slave, replication client on *.* to reader`)
    const url = new URL(schema.url)
    url.username = 'reader'
    url.password = 'secret'
    const source = mysqlSource(schema, ['t'], { follow: true, url: url.toString() })
    const check = () => source.preflight(new AbortController().signal)
    expect(await check()).toMatchObject([{ severity: 'fatal', code: 'gtid-mode' }])
    const grants = /helped by: (.*)\)$/.exec((await check())[0]?.message ?? '')?.[1]
    await schema.execute(grants ?? '')
    expect(await check()).toMatchObject([{ severity: 'warning', code: 'gtid-mode' }])
    const follower = follow(schema, ['t'], { url: url.toString() })
    await expectSame(follower, schema, 't')
  })

  test('without GTIDs sends a transaction larger than a batch as one commit', async ({ skip }) => {
    skip(hasGtids, 'see the other tests of the stream')
    const follower = follow(schema, ['t'], { batchBytes: 20_000 })
    await follower.caughtUp(schema)
    const rows = Array.from({ length: 3000 }, (_, n) => [1000 + n, 'x'.repeat(40)])
    await schema.execute('insert into t values ?', [rows])
    await schema.execute("insert into t values (999, 'after')")
    await expectSame(follower, schema, 't')
    expect(follower.batches.filter(({ rest }) => rest !== undefined)).toHaveLength(1)
  })

  test('whose GTIDs are switched on and off is read anew, by itself', async ({ skip }) => {
    skip(flavour !== 'mysql', 'MariaDB always has them')
    const first = start()
    await first.caughtUp(schema)
    await first.stop()
    const modes = ['OFF', 'OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON']
    const [there, back] = hasGtids ? [modes.toReversed(), modes] : [modes, modes.toReversed()]
    await schema.execute('set global enforce_gtid_consistency = on')
    for (const mode of there) await schema.execute(`set global gtid_mode = ${mode}`)
    await schema.execute("insert into t values (70, 'numbered in another way')")
    const second = start(first.mirror)
    await expectSame(second, schema, 't')
    expect(readings(second)).toHaveLength(1)
    await second.stop()
    for (const mode of back) await schema.execute(`set global gtid_mode = ${mode}`)
    await schema.execute("insert into t values (71, 'as before')")
    const third = start(first.mirror)
    await expectSame(third, schema, 't')
    expect(readings(third)).toHaveLength(1)
  })

  test('that takes over from another, with its GTIDs, is followed on', async ({ skip }) => {
    skip(!hasGtids, 'it has none')
    const [old, replica] = await Promise.all([
      startMysql({ flavour, options }),
      startMysql({ flavour, options }),
    ])
    try {
      const onOld = await testSchema(old)
      await onOld.execute("create table t (id int primary key, v varchar(50)); insert into t values (1, 'x')")
      const first = start(new Mirror(), onOld)
      await first.caughtUp(onOld)
      const copy = await replicate(old, replica, onOld.name)
      await onOld.execute("insert into t values (60, 'on the old one')")
      await first.caughtUp(onOld)
      await first.stop()
      await onOld.execute(
        "insert into t values (61, 'not read from the old one'); delete from t where id = 60",
      )
      await copy.caughtUp(
        async () => (await copy.schema.execute('select 1 from t where id = 61')).length === 1,
      )
      await copy.stop()
      await copy.schema.execute("insert into t values (62, 'on the new one')")
      const second = start(first.mirror, copy.schema)
      await expectSame(second, copy.schema, 't')
      expect(readings(second)).toHaveLength(0)
    } finally {
      await Promise.all([old.stop(), replica.stop()])
    }
  }, 120_000)
})

async function reopened({ name, flavour }: TestSchema, serverUrl: string): Promise<TestSchema> {
  const url = new URL(serverUrl)
  url.pathname = name
  const session = await mysql.createConnection({ uri: url.toString(), multipleStatements: true })
  return {
    name,
    flavour,
    url: url.toString(),
    execute: async (sql, values = []) =>
      (await session.query(sql, [...values] as unknown[]))[0] as Record<string, unknown>[],
    drop: () => session.end(),
  }
}

/** Starts from an empty copy of the first server's history. */
async function replicate(
  from: Server,
  to: Server,
  schema: string,
): Promise<{
  schema: TestSchema
  caughtUp(holds: () => Promise<boolean>): Promise<void>
  stop(): Promise<void>
}> {
  const session = await mysql.createConnection({ uri: to.url, multipleStatements: true })
  const { host, port, user, password } = from
  if (from.flavour === 'mysql') {
    await session.query('reset binary logs and gtids')
    await session.query(`change replication source to source_host = '${host}', source_port = ${port}, source_user = '${user}',
      source_password = '${password}', source_auto_position = 1, get_source_public_key = 1`)
    await session.query('start replica')
  } else {
    await session.query(`reset master; set global gtid_slave_pos = ''`)
    await session.query(`change master to master_host = '${host}', master_port = ${port}, master_user = '${user}',
      master_password = '${password}', master_use_gtid = slave_pos`)
    await session.query('start slave')
  }
  return {
    schema: await reopenedWhenThere(schema, to, from.flavour),
    caughtUp: async (holds) => {
      while (!(await holds()));
    },
    stop: async () => {
      await session.query(
        from.flavour === 'mysql' ? 'stop replica; reset replica all' : 'stop slave; reset slave all',
      )
      await session.end()
    },
  }
}

async function reopenedWhenThere(
  name: string,
  server: Server,
  flavour: 'mysql' | 'mariadb',
): Promise<TestSchema> {
  for (;;) {
    const schema = await reopened({ name, flavour } as TestSchema, server.url).catch(() => null)
    if (schema !== null) return schema
  }
}
