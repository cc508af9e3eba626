import type { Connection } from './connection.ts'
import { identifier, tableIdentifier } from './sql.ts'
import type { Table } from './table.ts'

/** Up to here counting takes milliseconds. */
const cheapRows = 100_000

/** The rows of a table for a progress line: exact where that is cheap, the server's estimate otherwise. */
export async function countRows(connection: Connection, table: Table): Promise<number> {
  if (table.estimatedRows > cheapRows) return table.estimatedRows
  // Bounded, since estimates of tables that were just filled can be far too low.
  const key = `force index (${identifier(table.key.index)})`
  const sql = `select count(*) as total from (select 1 from ${tableIdentifier(table)} ${key} limit ${cheapRows}) counted`
  const [row] = await connection.query(sql)
  const counted = Number(row?.total ?? 0)
  return counted < cheapRows ? counted : Math.max(counted, table.estimatedRows)
}
