import { OperatorError } from '../runtime/errors.ts'
import { databaseOfUrl } from './server-url.ts'
import type { TableName } from './table.ts'

export interface MysqlTableOptions {
  /** In the url's database, or `database.table`. */
  readonly table: string
  readonly stream: string
  /** All unless told; the key is always mirrored. */
  readonly columns?: readonly string[]
  /** What becomes of the stream when the table is altered; `evolve` unless told. */
  readonly schemaChanges?: SchemaPolicy
}

/**
 * What becomes of a stream whose table is altered.
 *
 * - `evolve`: the stream takes on the columns, the warehouse adds to its own.
 * - `freeze`: it keeps the columns it has; if the table cannot give them any more, it stops.
 * - `quarantine`: it stops.
 *
 * A stream that stopped goes on when somebody asks to read it anew, with the columns that the table has then.
 */
export type SchemaPolicy = 'evolve' | 'freeze' | 'quarantine'

/** A table of the configuration. */
export interface CapturedTable {
  readonly name: TableName
  readonly stream: string
  readonly columns: readonly string[] | undefined
  readonly policy: SchemaPolicy
}

/** Throws an `OperatorError` (`database-missing`) for a table of no database. */
export function wantedTables(url: string, tables: readonly MysqlTableOptions[]): CapturedTable[] {
  const database = databaseOfUrl(url)
  return tables.map(({ table, stream, columns, schemaChanges = 'evolve' }) => {
    const dot = table.indexOf('.')
    const schema = dot < 0 ? database : table.slice(0, dot)
    if (schema === null) {
      throw new OperatorError({
        code: 'database-missing',
        message: `no database is named for table ${table}`,
        hint: 'End the source’s url with /database, or write the table as database.table.',
        area: 'configuration',
      })
    }
    return { name: { schema, name: table.slice(dot + 1) }, stream, columns, policy: schemaChanges }
  })
}

/** Why a table cannot be captured, by the first of its defects; null when it cannot be seen. */
export function unusable(
  { name }: Pick<CapturedTable, 'name'>,
  defect: { code: string; message: string; cure: string } | undefined,
): OperatorError {
  return new OperatorError({
    code: defect?.code ?? 'table-missing',
    message: defect?.message ?? `there is no table ${name.schema}.${name.name} that may be read`,
    hint:
      defect?.cure ??
      'Check that the table is there under this name and that the user of the source’s url may select from it.',
    area: 'configuration',
  })
}
