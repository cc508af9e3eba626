import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import { generate, type GenerateOptions, type GeneratedData } from '../../examples/vendor-match/generate.ts'
import { loadMysql } from '../../examples/vendor-match/load-mysql.ts'
import { startVendorSimulator, type VendorSimulator } from '../../examples/vendor-match/simulator.ts'
import { packageFile } from '../../src/runtime/package-file.ts'
import { Session } from '../../src/state/session.ts'
import { testSchema, type MysqlServer, type TestSchema } from './mysql.ts'
import { testDatabase, type TestDatabase } from './postgres.ts'
import { startProgram, type Finished, type Running } from './program.ts'

export type { Finished }

/** The example vendor-match on real servers, run as its user runs it: the built program in a process of its own. */
export interface VendorMatchSystem {
  readonly data: GeneratedData
  readonly schema: TestSchema
  readonly simulator: VendorSimulator
  /** Null: the embedded warehouse beside the configuration. */
  database: TestDatabase | null
  readonly folder: string
  /** What the program finds in its environment, over the addresses of the servers above. */
  readonly environment: Record<string, string>
  run(...args: string[]): Promise<Finished>
  start(...args: string[]): Running
  close(): Promise<void>
}

export interface SystemOptions extends GenerateOptions {
  readonly server: MysqlServer
  readonly pageSize?: number
  readonly latencyMs?: number
  readonly chunkRows?: number
  readonly embedded?: boolean
}

export async function startVendorMatch(options: SystemOptions): Promise<VendorMatchSystem> {
  const { server, embedded = false, chunkRows } = options
  const data = generate(options)
  const schema = await testSchema(server)
  await loadMysql({
    connection: { uri: server.url },
    schema: schema.name,
    users: data.internalUsers(),
    practices: data.practices(),
  })
  const vendorUsers = data.vendorUsers()
  const simulator = await startVendorSimulator({
    users: vendorUsers.slice(0, vendorUsers.length),
    ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
    ...(options.latencyMs === undefined ? {} : { latencyMs: options.latencyMs }),
  })
  const folder = await mkdtemp(join(tmpdir(), 'syncline-e2e-'))
  await cp(packageFile('examples', 'vendor-match', 'views'), join(folder, 'views'), { recursive: true })
  const yaml = await readFile(packageFile('examples', 'vendor-match', 'syncline.yaml'), 'utf8')
  const chunked =
    chunkRows === undefined
      ? yaml
      : yaml.replace(/^( +)tables:/m, `$1snapshot: { chunkRows: ${chunkRows} }\n$1tables:`)
  await writeFile(join(folder, 'syncline.yaml'), chunked)

  const start = (...args: string[]): ReturnType<VendorMatchSystem['start']> => {
    const environment = {
      ...process.env,
      INTERNAL_MYSQL_URL: schema.url,
      VENDOR_API_URL: simulator.url,
      INTERNAL_USERS: String(data.internalCount),
      ...(system.database ? { WAREHOUSE_URL: system.database.url } : {}),
      ...system.environment,
    }
    return startProgram([...args, '-c', join(folder, 'syncline.yaml')], environment)
  }
  const system: VendorMatchSystem = {
    data,
    schema,
    simulator,
    database: embedded ? null : await testDatabase(),
    folder,
    environment: {},
    start,
    run: (...args) => start(...args).finished,
    close: async () => {
      await simulator.close()
      await schema.drop()
      await system.database?.drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return system
}

/** Every row of every table that analysts see, but for the times at which rows were written. */
export async function warehouseContent(url: string): Promise<string[]> {
  const session = await Session.connect({ url, applicationName: 'test' })
  try {
    const tables = await session.query(
      `select table_name from information_schema.tables where table_schema = 'warehouse' and table_type = 'BASE TABLE' order by 1`,
    )
    const lines: string[] = []
    for (const [table] of tables) {
      const rows = await session.query(
        `select (to_jsonb(t) - 'matched_at' - 'updated_at')::text as row from warehouse."${table}" t order by 1`,
      )
      lines.push(...rows.map(([row]) => `${table} ${row}`))
    }
    return lines
  } finally {
    await session.close()
  }
}

/** Pairs of (internal id, vendor id) that the warehouse holds as matched. */
export async function matchedPairs(url: string): Promise<{ internalId: number; vendorId: number }[]> {
  const session = await Session.connect({ url, applicationName: 'test' })
  try {
    const rows = await session.query('select internal_id, vendor_id from warehouse.user_match')
    return rows.map(([internal, vendor]) => ({ internalId: Number(internal), vendorId: Number(vendor) }))
  } finally {
    await session.close()
  }
}

/** A session for whoever works on the internal platform meanwhile. */
export async function internalSession(system: VendorMatchSystem): Promise<mysql.Connection> {
  return mysql.createConnection(system.schema.url)
}
