import mysql from 'mysql2/promise'

/** Numbers from 0 to 1 that a seed decides. Source: mulberry32, T. Ettinger 2017. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const writtenTables = `
  create table item (
    id bigint primary key, code varchar(20) character set utf8mb4, n int, price decimal(12,4), at datetime(6),
    version bigint not null);
  create table part (
    a int not null, b varchar(12) character set utf8mb4 not null, v text, version bigint not null, primary key (a, b))`

let lastKey = 0

/** A key may be used again: its new row begins above whatever the old one had come to, by one at each change. */
const born = 'cast(unix_timestamp(now(6)) * 1000000 as unsigned)'

export interface Writing {
  statements: number
  /** Ends after the statement under way. */
  on: boolean
}

/**
 * One of several that write at once: inserts, updates, changes of keys, deletes, REPLACE, upserts, transactions over both
 * tables, rollbacks and savepoints. `version` of a row only ever grows. A connection that is lost is made anew.
 */
export async function writeRandomly(url: string, random: () => number, writing: Writing): Promise<void> {
  let connection: mysql.Connection | null = null
  while (writing.on) {
    try {
      connection ??= await connect(url)
      await writeOnce(connection, random)
      writing.statements++
    } catch (error) {
      if (!isPassing(error)) throw error
      if (!isConflict(error)) {
        connection?.destroy()
        connection = null
      } else await connection?.query('rollback').catch(() => undefined)
    }
  }
  await connection?.end().catch(() => undefined)
}

async function connect(url: string): Promise<mysql.Connection> {
  const connection = await mysql.createConnection({ uri: url, multipleStatements: true })
  // The statement that meets the loss tells of it.
  connection.on('error', () => undefined)
  return connection
}

const texts = ["o'hara", 'Ünïcödé 漢字 🙂', 'back\\slash', 'tab\there', '', 'NULL', '{"a": 1}']

async function writeOnce(connection: mysql.Connection, random: () => number): Promise<void> {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const someId = `(select id from (select id from item where id >= ${Math.floor(random() * (lastKey + 1))} order by id limit 1) one)`
  const somePart = `a >= ${Math.floor(random() * (lastKey + 1))} limit 1`
  const insertItem = (): [string, unknown[]] => [
    `insert into item values (?, ?, ?, ?, now(6), ${born})`,
    [++lastKey, random() < 0.1 ? null : pick(texts), Math.floor(random() * 1e6), random() * 1e6],
  ]
  const insertPart = (): [string, unknown[]] => [
    `insert into part values (?, ?, ?, ${born})`,
    [++lastKey, pick(texts).slice(0, 12), pick(texts).repeat(Math.floor(random() * 50))],
  ]
  const simple = async (): Promise<void> => {
    const kind = random()
    if (kind < 0.3) await connection.query(...insertItem())
    else if (kind < 0.4) await connection.query(...insertPart())
    else if (kind < 0.6)
      await connection.query(`update item set n = ?, code = ?, version = version + 1 where id = ${someId}`, [
        Math.floor(random() * 1e6),
        pick(texts),
      ])
    else if (kind < 0.7)
      await connection.query(`update part set v = ?, version = version + 1 where ${somePart}`, [pick(texts)])
    else if (kind < 0.76)
      await connection.query(`update item set id = ?, version = version + 1 where id = ${someId}`, [
        ++lastKey,
      ])
    else if (kind < 0.8)
      await connection.query(`update part set a = ?, version = version + 1 where ${somePart}`, [++lastKey])
    else if (kind < 0.86) await connection.query(`delete from item where id = ${someId}`)
    else if (kind < 0.9) await connection.query(`delete from part where ${somePart}`)
    else if (kind < 0.94)
      await connection.query(
        `replace into item select id, ?, n, price, at, version + 1 from item where id = ${someId} for update`,
        [pick(texts)],
      )
    else if (kind < 0.97)
      await connection.query(
        `insert into item values (?, 'upserted', 1, 1, now(6), ${born}) on duplicate key update version = version + 1, n = n + 1`,
        [Math.max(1, Math.floor(random() * lastKey))],
      )
    else
      await connection.query(
        `update item set price = price + 1, version = version + 1 where id % 7 = ${lastKey % 7}`,
      )
  }
  if (random() < 0.7) {
    await simple()
    return
  }
  await connection.query('begin')
  for (let left = 1 + Math.floor(random() * 5); left > 0; left--) {
    await simple()
    if (random() < 0.2) {
      await connection.query('savepoint here')
      await simple()
      await connection.query('rollback to savepoint here')
    }
  }
  await connection.query(random() < 0.2 ? 'rollback' : 'commit')
}

const conflicts = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_DUP_ENTRY', 'ER_CHECKREAD'])

function isConflict(error: unknown): boolean {
  return conflicts.has((error as { code?: string }).code ?? '')
}

/** Other writers, restarts of the server and statements that alter a table meanwhile. */
function isPassing(error: unknown): boolean {
  const { code = '', fatal = false } = error as { code?: string; fatal?: boolean }
  return (
    isConflict(error) ||
    fatal ||
    /^(ECONN|EPIPE|PROTOCOL_|ER_SERVER_SHUTDOWN|ER_CONNECTION_KILLED|ER_NORMAL_SHUTDOWN|ER_TABLE_DEF_CHANGED|ER_WRONG_VALUE_COUNT)/.test(
      code,
    )
  )
}
