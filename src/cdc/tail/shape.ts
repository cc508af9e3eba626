import type { Json, Ledger, LedgerEntry } from '../../changes/ledger.ts'
import { RowDecoder } from '../rows/row-decoder.ts'
import type { CodecOptions } from '../rows/value-codec.ts'
import type { CapturedTable } from '../captured-table.ts'
import type { Flavour } from '../server.ts'
import { assembleTable, fingerprint, type DescribedTable, type Table } from '../table.ts'

/** A table as it was at one place of the log, and what its rows are read with from there on. */
export interface Shape {
  readonly described: DescribedTable
  readonly table: Table
  readonly decoder: RowDecoder
  readonly fingerprint: string
}

export interface ShapeOptions extends CodecOptions {
  readonly captured: CapturedTable
  readonly flavour: Flavour
}

/** Null when the table cannot be captured. */
export function shapeOf(
  described: DescribedTable,
  { captured, flavour, zeroDates }: ShapeOptions,
): Shape | null {
  const table = assembleTable(described, { ...captured, flavour, zeroDates })
  if (table === null) return null
  return { described, table, decoder: new RowDecoder(table.columns), fingerprint: fingerprint(table) }
}

/**
 * The shape is kept in the ledger: the log goes on with rows of the shape that the table had when we left it, whatever
 * happened to the table since.
 */
export function shapeEntry(stream: string, { described }: Shape): LedgerEntry {
  return { key: `shape/${stream}`, value: JSON.parse(JSON.stringify(described)) as Json }
}

/** Null when none was kept. */
export async function readShape(ledger: Ledger, options: ShapeOptions): Promise<Shape | null> {
  const value = await ledger.get(`shape/${options.captured.stream}`)
  if (typeof value !== 'object' || value === null) return null
  return shapeOf(value as unknown as DescribedTable, options)
}
