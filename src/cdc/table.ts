import { createHash } from 'node:crypto'
import type { Column } from '../changes/column.ts'
import type { Connection } from './connection.ts'
import type { TextRow } from './run-statement.ts'
import { mariadbCodec } from './rows/mariadb.ts'
import { mysqlCodec } from './rows/mysql.ts'
import type { DecodedColumn } from './rows/row-decoder.ts'
import type { SourceColumn } from './rows/source-column.ts'
import type { CodecOptions } from './rows/value-codec.ts'
import type { Flavour } from './server.ts'
import { bind } from './sql.ts'
import { chooseKey, type Index, type TableKey } from './table-key.ts'

export interface TableName {
  readonly schema: string
  readonly name: string
}

/** A table of the source as it is mirrored. */
export interface Table extends TableName {
  readonly stream: string
  /** In the order of the source; the key's columns are always among them. */
  readonly columns: readonly TableColumn[]
  readonly key: TableKey
  /**
   * Of MariaDB's system-versioned tables: the column that tells rows of the past from present ones. A select shows the
   * present ones alone, the log all. Null for others.
   */
  readonly rowEnd: string | null
  /** Average bytes of a row by the server's own estimate; 0 while unknown. */
  readonly estimatedRowBytes: number
  readonly estimatedRows: number
}

export interface TableColumn extends DecodedColumn {
  readonly nullable: boolean
  readonly comment: string | null
  readonly source: SourceColumn
}

/** What a table was found to be, defects included. */
export interface DescribedTable {
  /** Null when the server shows no such table to us. */
  readonly kind: string | null
  readonly columns: readonly DescribedColumn[]
  readonly indexes: readonly Index[]
  readonly estimatedRowBytes: number
  readonly estimatedRows: number
}

export interface DescribedColumn extends SourceColumn {
  readonly selectable: boolean
  /** Of text, ENUM and SET. */
  readonly characterSet: string | null
  /** Whether rows that exist when the column is added have a value in it. */
  readonly filled: boolean
  /** The server numbers the rows by it. */
  readonly counts: boolean
  /** It holds when the row ceased to be (MariaDB's system versioning). */
  readonly endsRow: boolean
}

export async function describeTable(connection: Connection, table: TableName): Promise<DescribedTable> {
  const [found] = await selectTable(connection, table)
  const checks =
    connection.server.flavour === 'mariadb' ? await selectJsonChecks(connection, table) : new Set<string>()
  const columns = (await selectColumns(connection, table)).map((row) => describeColumn(row, checks))
  const indexes = groupIndexes(await selectIndexes(connection, table))
  return {
    kind: found?.table_type ?? null,
    columns,
    indexes,
    estimatedRowBytes: Number(found?.avg_row_length ?? 0),
    estimatedRows: Number(found?.table_rows ?? 0),
  }
}

/** By the server; 0 while it has no idea. */
export async function estimateRows(connection: Connection, table: TableName): Promise<number> {
  const [found] = await selectTable(connection, table)
  return Number(found?.table_rows ?? 0)
}

export interface AssembleOptions extends CodecOptions {
  readonly name: TableName
  readonly stream: string
  readonly flavour: Flavour
  /** The columns to mirror; all when absent. The key is always mirrored. */
  readonly columns?: readonly string[] | undefined
}

/** Null when the table cannot be captured: the preflight then says why. */
export function assembleTable(described: DescribedTable, options: AssembleOptions): Table | null {
  const codecOf = options.flavour === 'mariadb' ? mariadbCodec : mysqlCodec
  const choice = chooseKey(described, (column) => codecOf(column, options)?.paging !== undefined)
  if (choice.key === null) return null
  const places = new Map(choice.key.columns.map((name, index) => [name, index + 1]))
  const columns: TableColumn[] = []
  for (const source of described.columns) {
    if (!isWanted(source.name, options.columns, places)) continue
    const codec = codecOf(source, options)
    if (codec === null) return null
    const { name, nullable, comment } = source
    columns.push({ name, codec, nullable, comment, source, keyPosition: places.get(name) ?? null })
  }
  const { estimatedRowBytes, estimatedRows } = described
  return {
    ...options.name,
    stream: options.stream,
    columns,
    key: choice.key,
    rowEnd: rowEndOf(described),
    estimatedRowBytes,
    estimatedRows,
  }
}

/** The columns of the period are called so, and hidden, where the table does not declare them. */
function rowEndOf({ kind, columns }: DescribedTable): string | null {
  if (kind !== 'SYSTEM VERSIONED') return null
  return columns.find(({ endsRow }) => endsRow)?.name ?? 'row_end'
}

export function isWanted(
  name: string,
  wanted: readonly string[] | undefined,
  key: { has(name: string): boolean },
): boolean {
  return wanted === undefined || wanted.includes(name) || key.has(name)
}

/** The shape that consumers see. A column that can hold an impossible date may be null although the source says not. */
export function streamColumns({ columns }: Table, { zeroDates }: CodecOptions): Column[] {
  return columns.map(({ name, codec, nullable, keyPosition, comment }) => {
    const dates = /^(?:date|timestamp)/.test(codec.type) && zeroDates === 'null' && keyPosition === null
    return { name, type: codec.type, nullable: nullable || dates, keyPosition, comment }
  })
}

/** Changes whenever rows read before and after could not be told apart by the same shape. */
export function fingerprint(table: Table): string {
  const shape = table.columns.map(({ name, codec, nullable, keyPosition, source }) => {
    return [name, source.columnType, codec.type, nullable, keyPosition]
  })
  return createHash('sha256')
    .update(JSON.stringify([table.key.columns, shape]))
    .digest('hex')
    .slice(0, 16)
}

function describeColumn(row: TextRow, jsonChecks: ReadonlySet<string>): DescribedColumn {
  const number = (text: string | null | undefined): number | null => (text == null ? null : Number(text))
  const name = row.column_name ?? ''
  return {
    name,
    dataType: (row.data_type ?? '').toLowerCase(),
    columnType: row.column_type ?? '',
    length: number(row.character_maximum_length),
    precision: number(row.numeric_precision),
    scale: number(row.numeric_scale),
    fraction: number(row.datetime_precision) ?? 0,
    nullable: row.is_nullable === 'YES',
    comment: row.column_comment === '' ? null : (row.column_comment ?? null),
    checkedJson: row.data_type?.toLowerCase() === 'longtext' && jsonChecks.has(name),
    selectable: (row.privileges ?? '').toLowerCase().split(',').includes('select'),
    characterSet: row.character_set_name ?? null,
    filled: isFilled(row),
    counts: /auto_increment/i.test(row.extra ?? ''),
    endsRow: row.generation_expression === 'ROW END',
  }
}

/** MariaDB prints the default null as a word. */
function isFilled({ column_default: value, extra, is_nullable: nullable }: TextRow): boolean {
  const defaultsToNull = value == null || value.toUpperCase() === 'NULL'
  return (
    nullable !== 'YES' || !defaultsToNull || /generated|virtual|persistent|auto_increment/i.test(extra ?? '')
  )
}

function groupIndexes(rows: readonly TextRow[]): Index[] {
  const indexes = new Map<string, { name: string; unique: boolean; columns: (string | null)[] }>()
  for (const row of rows) {
    if (row.IS_VISIBLE === 'NO' || row.IGNORED === 'YES') continue
    const name = row.INDEX_NAME ?? ''
    const index = indexes.get(name) ?? { name, unique: row.NON_UNIQUE === '0', columns: [] }
    indexes.set(name, index)
    // Neither an expression nor a prefix of a column orders by the column.
    index.columns.push(row.SUB_PART === null ? (row.COLUMN_NAME ?? null) : null)
  }
  return [...indexes.values()]
}

function selectTable(connection: Connection, { schema, name }: TableName): Promise<readonly TextRow[]> {
  return connection.query(
    bind(
      `select table_type as table_type, table_rows as table_rows, avg_row_length as avg_row_length
      from information_schema.tables where table_schema = ? and table_name = ?`,
      [schema, name],
    ),
  )
}

function selectColumns(connection: Connection, { schema, name }: TableName): Promise<readonly TextRow[]> {
  return connection.query(
    bind(
      `select column_name as column_name, data_type as data_type, column_type as column_type,
        character_maximum_length as character_maximum_length, numeric_precision as numeric_precision,
        numeric_scale as numeric_scale, datetime_precision as datetime_precision, is_nullable as is_nullable,
        column_comment as column_comment, privileges as privileges, character_set_name as character_set_name,
        column_default as column_default, extra as extra, generation_expression as generation_expression
      from information_schema.columns where table_schema = ? and table_name = ? order by ordinal_position`,
      [schema, name],
    ),
  )
}

/** Every column of the view: which ones tell that an index is out of use differs by flavour and version. */
function selectIndexes(connection: Connection, { schema, name }: TableName): Promise<readonly TextRow[]> {
  return connection.query(
    bind(
      `select * from information_schema.statistics
      where table_schema = ? and table_name = ? and index_type = 'BTREE' order by index_name, seq_in_index`,
      [schema, name],
    ),
  )
}

/** MariaDB declares JSON as text whose column check is `json_valid`. */
async function selectJsonChecks(
  connection: Connection,
  { schema, name }: TableName,
): Promise<ReadonlySet<string>> {
  const rows = await connection.query(
    bind(
      `select check_clause as check_clause from information_schema.check_constraints
      where constraint_schema = ? and table_name = ? and check_clause like 'json\\_valid(%'`,
      [schema, name],
    ),
  )
  const columns = rows.map((row) => /^json_valid\(`((?:[^`]|``)*)`\)$/i.exec(row.check_clause ?? '')?.[1])
  return new Set(
    columns.filter((column) => column !== undefined).map((column) => column.replaceAll('``', '`')),
  )
}
