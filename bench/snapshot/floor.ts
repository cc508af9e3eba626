import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { Agent, request } from 'undici'
import { copyInto } from '../../src/state/copy.ts'
import { Session } from '../../src/state/session.ts'

export interface FloorOptions {
  /** `mysql://…/database` with the tables of the example. */
  readonly mysqlUrl: string
  readonly apiUrl: string
  /** Of an empty database that may be filled. */
  readonly warehouseUrl: string
}

const chunkRows = 5_000
const pagesAtOnce = 4

/**
 * The least that any snapshot must do, in seconds: select the internal users chunk by chunk and pipe them into `copy`,
 * the next chunk being read while this one is written, and fetch and parse all pages meanwhile. No key, no index, no
 * comparison, no bookkeeping.
 */
export async function measureFloor({ mysqlUrl, apiUrl, warehouseUrl }: FloorOptions): Promise<number> {
  const started = performance.now()
  await Promise.all([copyTable(mysqlUrl, warehouseUrl), fetchPages(apiUrl)])
  return (performance.now() - started) / 1000
}

async function copyTable(mysqlUrl: string, warehouseUrl: string): Promise<void> {
  const mysql = await createConnection({ uri: mysqlUrl, rowsAsArray: true, dateStrings: true })
  const postgres = await Session.connect({ url: warehouseUrl, applicationName: 'floor' })
  try {
    await postgres.query(
      `create table floor (id integer, practice_id integer, firstname text, lastname text, classification text,
         specialty text, platform_registered_on text, last_active_date date)`,
    )
    const read = async (after: number): Promise<(string | number | null)[][]> => {
      const [rows] = await mysql.query<RowDataPacket[][]>(
        'select * from user where id > ? order by id limit ?',
        [after, chunkRows],
      )
      return rows as unknown as (string | number | null)[][]
    }
    let reading = read(0)
    for (;;) {
      const rows = await reading
      const last = rows.at(-1)
      if (last === undefined) break
      reading = read(Number(last[0]))
      reading.catch(() => undefined)
      await copyInto(
        postgres,
        'floor',
        rows.map((row) => row.map((value) => (value === null ? null : String(value)))),
      )
    }
  } finally {
    await mysql.end()
    await postgres.close()
  }
}

interface Page {
  readonly total_pages: number
  readonly users: readonly unknown[]
}

async function fetchPages(apiUrl: string): Promise<void> {
  const agent = new Agent({ connections: pagesAtOnce })
  const fetchPage = async (page: number): Promise<Page> => {
    const { body } = await request(`${apiUrl}?page=${page}`, { dispatcher: agent })
    return (await body.json()) as Page
  }
  try {
    const { total_pages: total } = await fetchPage(1)
    let next = 2
    const readers = Array.from({ length: pagesAtOnce }, async () => {
      while (next <= total) await fetchPage(next++)
    })
    await Promise.all(readers)
  } finally {
    await agent.close()
  }
}
