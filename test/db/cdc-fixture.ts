import { randomUUID } from 'node:crypto'
import mysql from 'mysql2/promise'
import type { ChangeBatch, Rejected } from '../../src/changes/change-batch.ts'
import type { Row } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import type { Json, Ledger } from '../../src/changes/ledger.ts'
import type { Source } from '../../src/changes/source.ts'
import { createMysqlSource, type MysqlSourceOptions } from '../../src/cdc/source.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'

/** Titled by flavour: their urls hold passwords. */
export { mysqlServers } from '../support/mysql.ts'

/** A database of its own on a server, and a session that may write. */
export interface TestSchema {
  readonly name: string
  readonly url: string
  readonly flavour: 'mysql' | 'mariadb'
  execute(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  drop(): Promise<void>
}

export async function testSchema(serverUrl: string): Promise<TestSchema> {
  const name = `cdc_${randomUUID().replaceAll('-', '').slice(0, 12)}`
  const writer = await mysql.createConnection({ uri: serverUrl, multipleStatements: true })
  await writer.query(`create database ${name} character set utf8mb4; use ${name}`)
  const execute = async (sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => {
    const [rows] = await writer.query(sql, values)
    return rows as Record<string, unknown>[]
  }
  const [version] = await execute('select version() as version')
  const url = new URL(serverUrl)
  url.pathname = name
  return {
    name,
    url: url.toString(),
    flavour: String(version?.version).includes('MariaDB') ? 'mariadb' : 'mysql',
    execute,
    drop: async () => {
      await writer.query(`drop database ${name}`)
      await writer.end()
    },
  }
}

export class MemoryLedger implements Ledger {
  readonly lines = new Map<string, Json>()

  get(key: string): Promise<Json | undefined> {
    return Promise.resolve(this.lines.get(key))
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the contract is asynchronous
  async *scan(prefix: string): AsyncIterable<{ readonly key: string; readonly value: Json }> {
    for (const [key, value] of [...this.lines].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (key.startsWith(prefix)) yield { key, value }
    }
  }
}

/** A consumer that commits every batch in memory. */
export class Mirror {
  readonly ledger = new MemoryLedger()
  readonly rows = new Map<string, Row>()
  readonly columns = new Map<string, readonly Column[]>()
  readonly rejected: Rejected[] = []
  readonly batches: ChangeBatch[] = []
  position: string | null = null
  #seen = new Map<string, Set<string>>()

  /** Commits at most so many batches, as if the process ended then. */
  async follow(source: Source, atMost = Infinity, signal = new AbortController().signal): Promise<void> {
    let count = 0
    for await (const batch of source.open({ after: this.position, ledger: this.ledger, signal })) {
      if (count++ >= atMost) return
      this.#commit(batch)
    }
  }

  keys(): string[] {
    return [...this.rows.keys()]
  }

  #commit(batch: ChangeBatch): void {
    if (batch.before !== this.position)
      throw new Error(`expected ${String(this.position)}, got ${String(batch.before)}`)
    for (const rejected of batch.rejected) {
      this.rejected.push(rejected)
      if (rejected.key !== null) this.#seen.get(rejected.stream)?.add(identity(rejected.stream, rejected.key))
    }
    for (const change of batch.changes) {
      if (change.kind === 'schema') this.columns.set(change.stream, change.columns)
      else if (change.kind === 'resync-begin') this.#seen.set(change.stream, new Set())
      else if (change.kind === 'upsert') {
        const key = identity(change.stream, change.key)
        this.rows.set(key, change.row)
        this.#seen.get(change.stream)?.add(key)
      } else if (change.kind === 'resync-end') this.#drop(change.stream)
    }
    for (const { key, value } of batch.ledger) {
      if (value === undefined) this.ledger.lines.delete(key)
      else this.ledger.lines.set(key, JSON.parse(JSON.stringify(value)) as Json)
    }
    this.batches.push(batch)
    this.position = batch.after
  }

  #drop(stream: string): void {
    for (const key of this.rows.keys()) {
      if (key.startsWith(`${stream} `) && this.#seen.get(stream)?.has(key) !== true) this.rows.delete(key)
    }
  }
}

function identity(stream: string, key: readonly string[]): string {
  return `${stream} ${JSON.stringify(key)}`
}

export function mysqlSource(
  schema: TestSchema,
  tables: readonly string[],
  options: Partial<MysqlSourceOptions> = {},
): Source {
  return createMysqlSource({
    name: 'internal',
    url: schema.url,
    tables: tables.map((table) => ({ table, stream: table })),
    log: silentLogger,
    clock: systemClock,
    ...options,
  })
}
