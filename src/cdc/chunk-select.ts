import type { CursorPart } from './rows/value-codec.ts'
import { identifier, tableIdentifier } from './sql.ts'
import type { Table } from './table.ts'

/** A place in a table's key order, one part for each column of the key. JSON, for the ledger. */
export type Cursor = readonly CursorPart[]

export interface ChunkSelect {
  readonly table: Table
  readonly after: Cursor | null
  readonly limit: number
  /** Waits for the locks of rows that are being committed. Never by default: the application would be the victim. */
  readonly lock: boolean
}

/**
 * The next rows in the server's own order and collation. The index is forced, so that no statistics make the server
 * sort the table instead.
 */
export function selectChunk({ table, after, limit, lock }: ChunkSelect): string {
  const columns = table.columns.map(({ name, codec }) => {
    const column = identifier(name)
    return codec.select === undefined ? column : codec.select(column)
  })
  const where = after === null ? '' : ` where ${laterThan(table, after)}`
  const order = table.key.columns.map(identifier).join(', ')
  return `select ${columns.join(', ')} from ${tableIdentifier(table)} force index (${identifier(table.key.index)})${where}
    order by ${order} limit ${limit}${lock ? ' lock in share mode' : ''}`
}

/**
 * `(a > 1) or (a = 1 and b > 2)`. Not `(a, b) > (1, 2)`, which means the same but is not taken for a range of the
 * index by either server.
 */
export function laterThan(table: Table, after: Cursor): string {
  const literals = literalsOf(table, after)
  const terms = literals.map(([column, literal], index) => {
    const equal = literals.slice(0, index).map(([earlier, value]) => `${earlier} = ${value}`)
    return `(${[...equal, `${column} > ${literal}`].join(' and ')})`
  })
  return terms.length === 1 ? (terms[0] ?? '') : `(${terms.join(' or ')})`
}

function literalsOf(table: Table, after: Cursor): (readonly [column: string, literal: string])[] {
  return table.key.columns.map((name, index) => {
    const paging = table.columns.find((column) => column.name === name)?.codec.paging
    const part = after[index]
    if (paging === undefined || part === undefined) throw new TypeError(`no place for key column ${name}`)
    return [identifier(name), paging.literal(part)] as const
  })
}
