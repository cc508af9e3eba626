import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Session } from '../../src/state/session.ts'
import { sqlStateOf } from '../../src/warehouse/views.ts'
import { testDatabase, type TestDatabase } from './postgres.ts'
import { startProgram, type Finished, type Running } from './program.ts'

/** A warehouse of a test alone, and the built program over it and one MySQL source. */
export class Shop {
  readonly database: TestDatabase
  /** To look into the warehouse, and to interfere with it. */
  readonly warehouse: Session
  readonly folder: string
  readonly mysqlUrl: string
  /** As the program is told it. */
  warehouseUrl: string

  private constructor(parts: Pick<Shop, 'mysqlUrl' | 'database' | 'warehouse' | 'folder'>) {
    this.mysqlUrl = parts.mysqlUrl
    this.database = parts.database
    this.warehouse = parts.warehouse
    this.folder = parts.folder
    this.warehouseUrl = parts.database.url
  }

  static async open(mysqlUrl: string): Promise<Shop> {
    const database = await testDatabase()
    const warehouse = await Session.connect({ url: database.url, applicationName: 'test' })
    const folder = await mkdtemp(join(tmpdir(), 'syncline-shop-'))
    return new Shop({ mysqlUrl, database, warehouse, folder })
  }

  /** Writes the configuration: streams are called as their tables. */
  async configure(tables: readonly string[], ...more: readonly string[]): Promise<void> {
    const lines = [
      'warehouse: { url: "${WAREHOUSE_URL}" }',
      'sources:',
      '  shop:',
      '    type: mysql',
      '    url: ${MYSQL_URL}',
      '    snapshot: { chunkRows: 50 }',
      `    tables: { ${tables.map((table) => `${table}: { as: ${table} }`).join(', ')} }`,
      ...more,
    ]
    await writeFile(join(this.folder, 'syncline.yaml'), lines.map((line) => `${line}\n`).join(''))
  }

  start(...args: string[]): Running {
    const environment = { ...process.env, MYSQL_URL: this.mysqlUrl, WAREHOUSE_URL: this.warehouseUrl }
    return startProgram([...args, '-c', join(this.folder, 'syncline.yaml')], environment)
  }

  run(...args: string[]): Promise<Finished> {
    return this.start(...args).finished
  }

  /** The rows of a mirror as texts; null while there is none. */
  async mirrored(table: string): Promise<string[] | null> {
    try {
      const rows = await this.warehouse.query(`select row(t.*)::text from warehouse."${table}" t order by 1`)
      return rows.map(([row]) => row ?? '')
    } catch (error) {
      if (sqlStateOf(error) === '42P01') return null
      throw error
    }
  }

  async close(): Promise<void> {
    await this.warehouse.close()
    await this.database.drop()
    await rm(this.folder, { recursive: true, force: true })
  }
}
