import { setTimeout as delay } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mulberry32 } from '../../examples/vendor-match/simulator-hostile.ts'
import { FlakyLink } from '../support/flaky-link.ts'
import { conflicts, connect, logging } from '../support/sessions.ts'
import { noteSoakFigures, soakSeeds } from '../support/soak-seeds.ts'
import { writeXa } from '../support/xa.ts'
import { mysqlServers, schemaApart, type TestSchema } from './cdc-fixture.ts'
import { follow, snapshotRows, sortedTexts, type Follower } from './tail-fixture.ts'

type Below = (limit: number) => number

function belowOf(seed: number): Below {
  const random = mulberry32(seed)
  return (limit) => Math.floor(random() * limit)
}

/** What statements may meet that clash with those of others or with an altered table. */
const expected = new Set([
  ...conflicts,
  'ER_BAD_FIELD_ERROR',
  'ER_WRONG_VALUE_COUNT_ON_ROW',
  'ER_NO_SUCH_TABLE',
  'ER_NO_DEFAULT_FOR_FIELD',
])

/** A transaction's statements without its delimiters. */
const inXa = (statement: string): string => statement.replace(/^begin; |; (?:commit|rollback)$/g, '')

describe.each(mysqlServers)('random work on $flavour', ({ flavour }) => {
  const done = {
    ...{ seeds: 0, equal: 0, statements: 0, alterations: 0, changes: 0, compared: 0 },
    ...{ prepared: 0, cuts: 0, rotations: 0, reopenings: 0 },
  }
  let schema: TestSchema
  beforeAll(async () => {
    schema = await schemaApart(flavour)
  })
  afterAll(async () => {
    noteSoakFigures(`followed into memory, ${flavour}`, done)
    await schema.drop()
  })

  async function attempt(session: mysql.Connection, sql: string): Promise<void> {
    try {
      await session.query(sql)
    } catch (error) {
      if (!expected.has((error as { code?: string }).code ?? '')) throw error
      await session.query('rollback')
      await session.query(logging.fullRows)
    }
  }

  async function attemptXa(sql: string, random: Below): Promise<void> {
    try {
      const chance = (): number => random(1_000) / 1_000
      if (await writeXa(schema.url, chance, (session) => session.query(inXa(sql)))) done.prepared++
    } catch (error) {
      if (!expected.has((error as { code?: string }).code ?? '')) throw error
    }
  }

  /** Until it is told to stop. */
  async function write(tables: readonly string[], random: Below, working: { on: boolean }): Promise<void> {
    const session = await connect(schema.url)
    for (let step = 0; working.on; step++) {
      const [table = '', other = ''] = [tables[random(tables.length)], tables[random(tables.length)]]
      const id = random(60)
      const statements = [
        `insert into ${table} (id, v, s) values (${id}, ${step}, 'é${step}') on duplicate key update v = v + 1`,
        `replace into ${table} (id, v, s) values (${id}, ${step}, null), (${id + 1}, ${step}, 'b')`,
        `update ${table} set v = v + 1, s = concat(coalesce(s, ''), 'x') where id < ${id} and length(coalesce(s, '')) < 30`,
        `update ignore ${table} set id = ${random(60)} where id = ${id}`,
        `delete from ${table} where id = ${id}`,
        `begin; update ${table} set v = 1 where id = ${id}; delete from ${other} where id > ${id + 20}; commit`,
        `begin; delete from ${table}; rollback`,
        `update ${table} set s = repeat('y', ${random(100)})`,
        `begin; insert ignore into ${table} (id) values (${id}); savepoint a; delete from ${table} where id > 5; rollback to a;
          insert ignore into ${other} (id, v) values (${id}, -1); commit`,
      ]
      const statement = statements[random(statements.length)] ?? ''
      if (random(40) === 0) await attemptXa(statement, random)
      else await attempt(session, statement)
      done.statements++
    }
    await session.end()
  }

  /** Alters tables, rotates the log, cuts links and restarts the follower meanwhile. */
  async function disturb(
    tables: readonly string[],
    random: Below,
    { steps, link, restart }: { steps: number; link: FlakyLink; restart: () => Promise<void> },
  ): Promise<void> {
    const sessions = [await connect(schema.url), await connect(schema.url, 'LATIN1_SWEDISH_CI')]
    for (let step = 0; step < steps; step++) {
      const session = sessions[random(2)] ?? (await connect(schema.url))
      const table = tables[random(tables.length)] ?? ''
      const column = `c${random(3)}`
      const alterations = [
        `alter table ${table} add column ${column} int`,
        `alter table ${table} add column ${column} int not null default ${step}`,
        `alter table ${table} drop column ${column}`,
        `alter table ${table} modify v bigint`,
        `alter table ${table} modify s varchar(${100 + random(100)}) first`,
        `alter table ${table} drop primary key, add primary key (id)`,
        `create index by_v on ${table} (v); drop index by_v on ${table}`,
        `truncate table ${table}`,
        `${logging.statements}; update ${table} set v = -1 where id < 30; ${logging.fullRows}`,
        `${logging.minimalRows}; update ${table} set v = -2 where id < 30; ${logging.fullRows}`,
        `drop table if exists ${table}_new; create table ${table}_new like ${table}; insert into ${table}_new select * from ${table};
          rename table ${table} to ${table}_old, ${table}_new to ${table}; drop table ${table}_old`,
      ]
      const chosen = random(alterations.length + 3) - 3
      if (chosen === -1) {
        await session.query('flush binary logs')
        done.rotations++
      } else if (chosen === -2) {
        link.cut()
        done.cuts++
      } else if (chosen === -3) {
        await restart()
        done.reopenings++
      } else {
        await attempt(session, alterations[chosen] ?? '')
        done.alterations++
      }
      // Paces the work; nothing waits for it.
      await delay(random(60))
    }
    for (const session of sessions) await session.end()
  }

  // Several at once: each of them mostly waits.
  test.concurrent.each(soakSeeds([1, 2, 3]))(
    'ends with the mirror equal to the source (seed %i)',
    async (seed) => {
      done.seeds++
      const link = await FlakyLink.before(schema.url)
      const random = belowOf(seed)
      const tables = [`a${seed}`, `b${seed}`, `ç${seed}`]
      for (const table of tables) {
        await schema.execute(`create table ${table} (id int primary key, v int, s varchar(100))`)
      }
      const begin = (mirror?: Follower['mirror']): Follower =>
        follow({ ...schema, url: link.url }, tables, {
          ...{ chunkRows: 7, batchBytes: 3_000, mostTouched: 5 },
          ...(mirror === undefined ? {} : { mirror }),
        })
      let follower = begin()
      const leave = async (): Promise<void> => {
        await follower.stop()
        done.changes += follower.batches.reduce((sum, { changes }) => sum + changes.length, 0)
      }
      const restart = async (): Promise<void> => {
        await leave()
        follower = begin(follower.mirror)
      }
      const working = { on: true }
      const writers = [1, 2, 3].map((writer) => write(tables, belowOf(seed * 100 + writer), working))
      try {
        await follower.until(() => follower.source.status?.().state === 'streaming')
        await disturb(tables, random, { steps: 30, link, restart })
      } finally {
        working.on = false
        await Promise.allSettled(writers)
      }
      await Promise.all(writers)
      await follower.caughtUp(schema)
      expect([...(follower.source.status?.().stopped ?? [])]).toEqual([])
      for (const table of tables) {
        const rows = sortedTexts(await snapshotRows(schema, table))
        expect(sortedTexts(follower.mirror.rows(table)), table).toEqual(rows)
        done.compared += rows.length
      }
      await leave()
      await link.close()
      await schema.execute(`drop table ${tables.join(', ')}`)
      done.equal++
    },
    // Links that are cut again and again are made anew with growing pauses.
    120_000,
  )
})
