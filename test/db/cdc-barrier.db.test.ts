import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readChunk } from '../../src/cdc/chunk.ts'
import { Connection } from '../../src/cdc/connection.ts'
import { GtidList } from '../../src/cdc/gtid-list.ts'
import { GtidSet } from '../../src/cdc/gtid-set.ts'
import type { LogPosition } from '../../src/cdc/log-position.ts'
import { readBarrier, readHigh, readLogStart } from '../../src/cdc/log.ts'
import { assembleTable, describeTable, type Table } from '../../src/cdc/table.ts'
import { until } from '../support/until.ts'
import { mysqlServers, schemaApart, testSchema, type TestSchema } from './cdc-fixture.ts'

/** One commit of a writer: its GTID and the value that it gave to the writer's row. */
interface Commit {
  readonly writer: number
  readonly value: number
  readonly gtid: string
}

interface Read {
  readonly start: LogPosition
  readonly high: LogPosition
  /** Writer → value. */
  readonly values: ReadonlyMap<number, number>
}

/** So many that some commit is seen before its server counts it in most of the test's runs, and often in each. */
const writers = Array.from({ length: 16 }, (_, id) => id)

describe.each(mysqlServers)('the visibility barrier of $flavour', ({ url: serverUrl }) => {
  let schema: TestSchema
  beforeAll(async () => {
    schema = await testSchema(serverUrl)
    await schema.execute('create table counter (id int primary key, v int)')
    await schema.execute(`insert into counter values ${writers.map((id) => `(${id}, 0)`).join(', ')}`)
  })
  afterAll(() => schema.drop())

  async function commitUntil(stopped: () => boolean, writer: number): Promise<Commit[]> {
    const session = await mysql.createConnection({ uri: schema.url })
    if (schema.flavour === 'mysql') await session.query("set session session_track_gtids = 'OWN_GTID'")
    const commits: Commit[] = []
    for (let value = 1; !stopped(); value++) {
      const [result] = await session.query('update counter set v = ? where id = ?', [value, writer])
      commits.push({ writer, value, gtid: await gtidOf(session, result) })
    }
    await session.end()
    return commits
  }

  async function gtidOf(session: mysql.Connection, result: unknown): Promise<string> {
    if (schema.flavour === 'mysql') {
      const { stateChanges } = result as { stateChanges: { gtids: string[] } }
      return stateChanges.gtids[0] ?? ''
    }
    const [rows] = await session.query('select @@last_gtid as gtid')
    return (rows as { gtid: string }[])[0]?.gtid ?? ''
  }

  test('a read has every commit of its S0, and HIGH has every commit that was read', async () => {
    const connection = await Connection.open({ url: schema.url })
    const table = await describeCounter(connection)
    let stopped = false
    const writing = writers.map((writer) => commitUntil(() => stopped, writer))
    const reads: Read[] = []
    for (let n = 0; n < 400; n++) {
      if (n % 100 === 50) await schema.execute('flush binary logs')
      const start = await readLogStart(connection)
      let first = true
      const barrier = async (): ReturnType<typeof readBarrier> => {
        const { barrier } = first ? start : await readLogStart(connection)
        first = false
        return barrier
      }
      const chunk = await readChunk({ connection, table, after: null, limit: 20, maxBytes: 1e6, barrier })
      if (chunk.high === null) throw new Error('the log is on')
      const values = new Map(chunk.rows.map(({ row }) => [Number(row.id), Number(row.v)]))
      reads.push({ start: start.position, high: chunk.high, values })
    }
    stopped = true
    const commits = (await Promise.all(writing)).flat()
    await connection.close()
    expect(commits.every(({ gtid }) => gtid !== '')).toBe(true)
    const stale = reads.flatMap((read) =>
      commits.filter((c) => has(read.start, c) && (read.values.get(c.writer) ?? 0) < c.value),
    )
    const tooLow = reads.flatMap((read) =>
      commits.filter((c) => !has(read.high, c) && (read.values.get(c.writer) ?? 0) >= c.value),
    )
    expect({ stale, tooLow }).toEqual({ stale: [], tooLow: [] })
  })

  test('an idle server whose log was rotated is read all the same', async () => {
    const connection = await Connection.open({ url: schema.url })
    const table = await describeCounter(connection)
    const old = await readBarrier(connection)
    await schema.execute('flush binary logs')
    const chunk = await readChunk({
      connection,
      table,
      after: null,
      limit: 20,
      maxBytes: 1e6,
      barrier: () => Promise.resolve(old),
    })
    await connection.close()
    expect(chunk.rows).toHaveLength(writers.length)
    expect(chunk.high).not.toBeNull()
  })

  test('a read waits for no writer, and leaves nothing open that a writer would wait for', async () => {
    const connection = await Connection.open({ url: schema.url })
    const table = await describeCounter(connection)
    const writer = await mysql.createConnection({ uri: schema.url })
    await writer.query('begin')
    await writer.query('update counter set v = -1')
    const barrier = () => readBarrier(connection)
    const { rows } = await readChunk({ connection, table, after: null, limit: 20, maxBytes: 1e6, barrier })
    expect(rows.map(({ row }) => row.v)).not.toContain('-1')
    expect(rows).toHaveLength(writers.length)
    await writer.query('rollback')
    await writer.query('set session lock_wait_timeout = 1')
    await writer.query('alter table counter add column later int')
    await writer.query('alter table counter drop column later')
    const [open] = await writer.query<mysql.RowDataPacket[]>(
      'select count(*) as n from information_schema.innodb_trx t join information_schema.processlist p ' +
        'on p.id = t.trx_mysql_thread_id where p.db = ?',
      [schema.name],
    )
    expect(open[0]?.['n']).toBe(0)
    await writer.end()
    await connection.close()
  })

  async function describeCounter(connection: Connection): Promise<Table> {
    const name = { schema: schema.name, name: 'counter' }
    const options = {
      name,
      stream: 'counter',
      flavour: connection.server.flavour,
      zeroDates: 'null',
    } as const
    const table = assembleTable(await describeTable(connection, name), options)
    if (table === null) throw new Error('the table can be captured')
    return table
  }
})

describe('a transaction of MySQL that has its number and is not counted yet', () => {
  let schema: TestSchema
  let connection: Connection
  let sessions: mysql.Connection[]
  // What a server prints of several puts nothing between them; one begins with a digit, as the number of a session ends.
  const origins = [
    '11111111-2222-3333-4444-555555555555',
    '32222222-2222-3333-4444-555555555555',
    'a2222222-2222-3333-4444-555555555555:tagged',
  ]
  beforeAll(async () => {
    schema = await schemaApart('mysql')
    await schema.execute('create table counter (id int primary key)')
    connection = await Connection.open({ url: schema.url })
    sessions = await Promise.all(origins.map(() => mysql.createConnection({ uri: schema.url })))
  })
  afterAll(async () => {
    for (const session of sessions) await session.end()
    await connection.close()
    await schema.drop()
  })

  async function begin(number: number): Promise<void> {
    for (const [place, session] of sessions.entries()) {
      await session.query(`set gtid_next = '${origins[place]}:${number}'`)
      await session.query('begin')
      await session.query('insert into counter values (?)', [number * 10 + place])
    }
  }

  async function end(statement: string): Promise<void> {
    for (const session of sessions) {
      await session.query(statement)
      await session.query("set gtid_next = 'automatic'")
    }
  }

  test.each([
    ['is waited for', 1, 'commit', true],
    ['is done without when it is given up', 2, 'rollback', false],
  ])('%s', async (_, number, statement, contained) => {
    await begin(number)
    let high: LogPosition | null = null
    const asked = readHigh(connection).then((position) => (high = position))
    await until('they are waited for', async () => {
      const all = await schema.execute('show processlist')
      return all.find(({ Info: sql }) => String(sql).startsWith('select wait_for_executed_gtid_set')) ?? null
    })
    expect(high).toBeNull()
    await end(statement)
    const position = await asked
    if (position?.kind !== 'mysql-gtid') throw new Error('a position by GTID')
    for (const origin of origins)
      expect(position.set.contains(GtidSet.parse(`${origin}:${number}`))).toBe(contained)
  })

  test('is told when it does not come to its end', async () => {
    await begin(3)
    await expect(readHigh(connection)).rejects.toMatchObject({
      code: 'gtid-held',
      message: expect.stringContaining(`${origins[0]}:3`) as string,
    })
    await end('commit')
    expect((await readHigh(connection))?.kind).toBe('mysql-gtid')
  })
})

const parsed = new Map<string, GtidSet | GtidList>()

function has(position: LogPosition, { gtid }: Commit): boolean {
  if (position.kind === 'mysql-gtid') {
    const one = (parsed.get(gtid) ?? GtidSet.parse(gtid)) as GtidSet
    parsed.set(gtid, one)
    return position.set.contains(one)
  }
  if (position.kind !== 'mariadb-gtid') throw new Error(`a position by GTID and not ${position.kind}`)
  const one = (parsed.get(gtid) ?? GtidList.parse(gtid)) as GtidList
  parsed.set(gtid, one)
  return position.list.contains(one)
}
