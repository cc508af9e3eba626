import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createLogger, type Logger } from '../../src/runtime/logger.ts'
import { FlakyLink } from '../support/flaky-link.ts'
import { logging } from '../support/sessions.ts'
import { until } from '../support/until.ts'
import { mysqlServers, schemaApart, type TestSchema } from './cdc-fixture.ts'
import {
  type FollowOptions,
  type Follower,
  followersPerTest,
  expectSame,
  isPast,
  logEnd,
} from './tail-fixture.ts'

describe.each(mysqlServers)('the link to $flavour', ({ flavour }) => {
  let schema: TestSchema
  let link: FlakyLink
  const { follow } = followersPerTest()
  beforeAll(async () => {
    schema = await schemaApart(flavour)
    link = await FlakyLink.before(schema.url)
  })
  afterEach(async () => {
    await schema.execute('drop table if exists t')
  })
  afterAll(async () => {
    await link.close()
    await schema.drop()
  })

  /** Follows through the link, and counts how often it connected. */
  function start(options: FollowOptions = {}): {
    follower: Follower
    connected: () => number
  } {
    const lines: string[] = []
    const log: Logger = createLogger('debug', { write: (line) => lines.push(line) })
    const follower = follow({ ...schema, url: link.url }, ['t'], { log, ...options })
    return { follower, connected: () => lines.filter((line) => line.includes('following the log')).length }
  }

  test('may be cut at any time, in the middle of a table and of a transaction', async () => {
    await schema.execute('create table t (id int primary key, v varchar(200))')
    const rows = (from: number): unknown[][] =>
      Array.from({ length: 500 }, (_, n) => [from + n, 'x'.repeat(150)])
    await schema.execute('insert into t values ?', [rows(0)])
    const { follower, connected } = start({ chunkRows: 20, batchBytes: 20_000 })
    for (let round = 1; round <= 12; round++) {
      await schema.execute('insert into t values ?', [rows(round * 1000)])
      await schema.execute(`update t set v = ${round} where id % 7 = ${round % 7}`)
      link.cut()
    }
    await expectSame(follower, schema, 't')
    expect(connected()).toBeGreaterThan(0)
  })

  test('that stalls in a transaction hides no table that is to be read again', async () => {
    await schema.execute('create table t (id int primary key, v longtext)')
    const { follower } = start()
    await follower.caughtUp(schema)
    follower.hold()
    await schema.execute(`insert into t values (-1, 'the batch that waits')`)
    await follower.until(() => follower.mirror.rows('t').length === 1)
    link.holdAfter(100_000)
    await schema.execute(`${logging.statements}; insert into t values (0, 'x'); ${logging.fullRows}`)
    const lost = await logEnd(schema.url)
    const large = Array.from({ length: 100 }, (_, n) => [n + 1, 'x'.repeat(10_000)])
    await schema.execute('insert into t values ?', [large])
    await until('it stalls', () => Promise.resolve(link.isHeld || null))
    follower.release()
    await follower.until(() => isPast(follower.mirror.position, lost))
    expect(follower.source.status?.().state).toBe('snapshot')
    link.release()
    await expectSame(follower, schema, 't')
  })

  test('that swallows everything is noticed by the heartbeats that do not come', async () => {
    await schema.execute('create table t (id int primary key)')
    const { follower, connected } = start({ heartbeatMs: 200 })
    await follower.caughtUp(schema)
    link.swallow()
    await schema.execute('insert into t values (1)')
    await follower.until(() => follower.mirror.rows('t').length === 1)
    expect(connected()).toBe(2)
  })

  test('that swallows everything while a table is read is noticed for that connection, too', async () => {
    await schema.execute('create table t (id int primary key)')
    await schema.execute('insert into t values ?', [Array.from({ length: 500 }, (_, id) => [id])])
    const { follower } = start({ heartbeatMs: 200, chunkRows: 50 })
    await follower.caughtUp(schema)
    follower.source.resync?.('t')
    await follower.until(() => follower.mirror.isResyncing())
    link.swallow()
    await follower.until(() => !follower.mirror.isResyncing())
    await expectSame(follower, schema, 't')
  })

  test('is one of several: the server throws out the older of two with one id, and none has that of another', async () => {
    await schema.execute('create table t (id int primary key, v varchar(200))')
    const several = [start(), start(), start()]
    for (const { follower } of several) await follower.caughtUp(schema)
    for (let id = 0; id < 20; id++) await schema.execute(`insert into t values (${id}, 'x')`)
    for (const { follower, connected } of several) {
      await expectSame(follower, schema, 't')
      expect(connected()).toBe(1)
    }
  })

  test('that we let wait ourselves is not taken for dead', async () => {
    await schema.execute('create table t (id int primary key, v longtext)')
    const { follower, connected } = start({ heartbeatMs: 200, batchBytes: 10_000 })
    await follower.caughtUp(schema)
    follower.hold()
    for (let id = 0; id < 40; id++) await schema.execute(`insert into t values (${id}, repeat('x', 100000))`)
    // The guarantee is about time: many heartbeats are missed while nothing is taken.
    await delay(2_000)
    follower.release()
    await expectSame(follower, schema, 't')
    expect(connected()).toBe(1)
  })
})
