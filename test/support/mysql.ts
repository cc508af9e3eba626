import { randomUUID } from 'node:crypto'
import mysql from 'mysql2/promise'

export type MysqlFlavour = 'mariadb' | 'mysql'

export interface MysqlServer {
  readonly flavour: MysqlFlavour
  /** Of an account that may do everything, without a schema. */
  readonly url: string
}

/** The servers of this run, for `describe.each`: asked what they are, since anyone may name others. */
export const mysqlServers: readonly MysqlServer[] = await Promise.all(
  (process.env['TEST_MYSQL_URLS'] ?? '')
    .split(',')
    .filter((url) => url.trim() !== '')
    .map(async (url) => ({ url: url.trim(), flavour: await flavourOf(url.trim()) })),
)

export interface TestSchema {
  readonly name: string
  readonly flavour: MysqlFlavour
  /** Of the same account, with the schema. */
  readonly url: string
  execute(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  drop(): Promise<void>
}

/** A schema of its own on a server, and a session that may write. */
export async function testSchema(server: MysqlServer): Promise<TestSchema> {
  // Users of the tests are named after it, and MySQL keeps their names short.
  const name = `t_${randomUUID().replaceAll('-', '').slice(0, 16)}`
  const session = await mysql.createConnection({ uri: server.url, multipleStatements: true })
  await session.query(`create database ${name} character set utf8mb4; use ${name}`)
  const url = new URL(server.url)
  url.pathname = name
  return {
    name,
    flavour: server.flavour,
    url: url.toString(),
    execute: async (sql, values = []) => {
      const [rows] = await session.query(sql, [...values])
      return rows as Record<string, unknown>[]
    },
    drop: async () => {
      await session.query(`drop database ${name}`)
      await session.end()
    },
  }
}

async function flavourOf(url: string): Promise<MysqlFlavour> {
  const session = await mysql.createConnection(url)
  try {
    const [rows] = await session.query('select version() as version')
    const [row] = rows as { version: string }[]
    return row?.version.includes('MariaDB') === true ? 'mariadb' : 'mysql'
  } finally {
    await session.end()
  }
}
