import { setTimeout as delay } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import { connect, isConflict, isLoss, logging } from './sessions.ts'
import { writeXa } from './xa.ts'

export const writtenTables = `
  create table item (
    id bigint primary key, code varchar(20) character set utf8mb4, n int, price decimal(12,4), at datetime(6),
    version bigint not null);
  create table part (
    a int not null, b varchar(12) character set utf8mb4 not null, v text, version bigint not null, primary key (a, b))`

/** A key may be used again: its new row begins above whatever the old one had come to, by one at each change. */
const born = 'cast(unix_timestamp(now(6)) * 1000000 as unsigned)'

/** More than a source holds in memory of one transaction. */
const large = { rows: 60, bytesOfRow: 50_000 }

export class Writing {
  statements = 0
  alterations = 0
  /** Statements that are logged otherwise than row by row with all columns. */
  unlikely = 0
  /** XA transactions. */
  prepared = 0
  /** Ends after the statement under way. */
  on = true
  /** Above all keys so far. */
  nextKey = 1
}

/**
 * One of several that write at once: inserts, updates, changes of keys, deletes, REPLACE, upserts, transactions over both
 * tables, some of them large, rollbacks and savepoints, XA; with `alters` also what has tables read again: statements that
 * alter or empty them, in UTF-8 and in Latin-1, and changes that are logged without all columns or as statements. `version`
 * of a row only ever grows. A connection that is lost is made anew.
 */
export async function writeRandomly(
  url: string,
  random: () => number,
  writing: Writing,
  { alters = false } = {},
): Promise<void> {
  let connection: mysql.Connection | null = null
  while (writing.on) {
    try {
      const chance = random()
      if (alters && chance < 0.05) await alter(url, random, writing)
      else if (chance > 0.98) {
        const isPrepared = await writeXa(url, random, (session) =>
          new Writer(session, random, writing).several(),
        )
        if (isPrepared) writing.prepared++
      } else {
        connection ??= await connect(url)
        await new Writer(connection, random, writing).write()
        writing.statements++
      }
    } catch (error) {
      if (!isConflict(error) && !isLoss(error)) throw error
      if (isLoss(error)) {
        connection?.destroy()
        connection = null
        // A server that is being restarted needs its time more than we do.
        await delay(50)
      } else await connection?.query('rollback').catch(() => undefined)
    }
  }
  await connection?.end().catch(() => undefined)
}

/** In a session of its own: its settings end with it. */
async function alter(url: string, random: () => number, writing: Writing): Promise<void> {
  const session = await connect(url, random() < 0.5 ? 'UTF8MB4_GENERAL_CI' : 'LATIN1_SWEDISH_CI')
  try {
    const writer = new Writer(session, random, writing)
    const chance = random()
    if (chance < 0.1) {
      await session.query(chance < 0.03 ? logging.statements : logging.minimalRows)
      await writer.write()
      writing.unlikely++
    } else {
      await writer.alter()
      writing.alterations++
    }
  } finally {
    session.destroy()
  }
}

const texts = ["o'hara", 'Ünïcödé 漢字 🙂', 'back\\slash', 'tab\there', '', 'NULL', '{"a": 1}']

const item = 'item (id, code, n, price, at, version)'
const part = 'part (a, b, v, version)'

class Writer {
  readonly #connection: mysql.Connection
  readonly #random: () => number
  readonly #writing: Writing

  constructor(connection: mysql.Connection, random: () => number, writing: Writing) {
    this.#connection = connection
    this.#random = random
    this.#writing = writing
  }

  async write(): Promise<void> {
    if (this.#random() < 0.7) {
      await this.#once()
      return
    }
    await this.#connection.query('begin')
    await this.several()
    await this.#connection.query(this.#random() < 0.2 ? 'rollback' : 'commit')
  }

  /** What a transaction holds. */
  async several(): Promise<void> {
    for (let left = 1 + this.#below(5); left > 0; left--) {
      await this.#once()
      if (this.#random() < 0.2) {
        await this.#connection.query('savepoint here')
        await this.#once()
        await this.#connection.query('rollback to savepoint here')
      }
    }
  }

  /** Columns come and go, with values in the rows that were there and without; types widen; rows go unlogged. */
  async alter(): Promise<void> {
    const [table, key] = this.#pick([
      ['item', 'id'],
      ['part', 'a, b'],
    ] as const)
    const column = this.#pick(['c0', 'ç1', 'c2'])
    const statement = this.#pick([
      `alter table ${table} add column ${column} int`,
      `alter table ${table} add column ${column} varchar(9) not null default 'x'`,
      `alter table ${table} drop column ${column}`,
      `alter table ${table} modify ${table === 'item' ? `code varchar(${20 + this.#below(20)})` : 'v longtext'}`,
      `alter table ${table} drop primary key, add primary key (${key})`,
      `alter table ${table} comment 'altéré'`,
      'truncate table part',
    ])
    await this.#connection.query(statement)
  }

  /** By its chance in hundred. */
  async #once(): Promise<void> {
    const statements: readonly (readonly [chance: number, sql: string, values: readonly unknown[]])[] = [
      [
        30,
        `insert into ${item} values (?, ?, ?, ?, now(6), ${born})`,
        [this.#newKey(), this.#code(), this.#number(), this.#number() / 7],
      ],
      [
        10,
        `insert into ${part} values (?, ?, ?, ${born})`,
        [this.#newKey(), this.#text().slice(0, 12), this.#text().repeat(this.#below(50))],
      ],
      [
        20,
        `update item set n = ?, code = ?, version = version + 1 where id = ${this.#someId()}`,
        [this.#number(), this.#text()],
      ],
      [10, `update part set v = ?, version = version + 1 where ${this.#somePart()}`, [this.#text()]],
      [6, `update item set id = ?, version = version + 1 where id = ${this.#someId()}`, [this.#newKey()]],
      [4, `update part set a = ?, version = version + 1 where ${this.#somePart()}`, [this.#newKey()]],
      [6, `delete from item where id = ${this.#someId()}`, []],
      [4, `delete from part where ${this.#somePart()}`, []],
      [
        4,
        `replace into ${item} select id, ?, n, price, at, version + 1 from item where id = ${this.#someId()} for update`,
        [this.#text()],
      ],
      [
        3,
        `insert into ${item} values (?, 'upserted', 1, 1, now(6), ${born}) on duplicate key update version = version + 1, n = n + 1`,
        [this.#oldKey()],
      ],
      [3, `update item set price = price + 1, version = version + 1 where id % 7 = ${this.#below(7)}`, []],
      [
        0.3,
        `insert into ${part} with recursive n as (select 1 as i union all select i + 1 from n where i < ${large.rows})
           select ?, concat('large', i), repeat('x', ${large.bytesOfRow}), ${born} from n`,
        [this.#newKey()],
      ],
      [0.3, `delete from part where b like 'large%'`, []],
    ]
    let place = this.#random() * 100
    const chosen = statements.find(([chance]) => (place -= chance) < 0)
    if (chosen !== undefined) await this.#connection.query(chosen[1], [...chosen[2]])
  }

  #someId(): string {
    return `(select id from (select id from item where id >= ${this.#oldKey()} order by id limit 1) one)`
  }

  #somePart(): string {
    return `a >= ${this.#oldKey()} limit 1`
  }

  #newKey(): number {
    return this.#writing.nextKey++
  }

  #oldKey(): number {
    return 1 + this.#below(this.#writing.nextKey)
  }

  #code(): string | null {
    return this.#random() < 0.1 ? null : this.#text()
  }

  #text(): string {
    return this.#pick(texts)
  }

  #number(): number {
    return this.#below(1_000_000)
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}
