import type { Connection } from './connection.ts'
import type { TextRow } from './run-statement.ts'
import { atLeast, type Server } from './server.ts'
import { bind, identifier, tableIdentifier } from './sql.ts'
import type { TableName } from './table.ts'

interface CascadeDefect {
  readonly code: string
  readonly message: string
  readonly cure: string
}

/** Rows that a foreign key changes or removes are logged by MySQL from 9.6 on; before, and by MariaDB, they are not. */
function logsCascades(server: Server): boolean {
  return server.flavour === 'mysql' && atLeast(server, 9, 6)
}

/** Tables whose rows change without a trace in the log. */
export async function cascadeDefects(
  connection: Connection,
  tables: readonly { readonly name: TableName }[],
): Promise<CascadeDefect[]> {
  if (logsCascades(connection.server)) return []
  const defects: CascadeDefect[] = []
  for (const { name } of tables) {
    for (const key of await selectCascades(connection, name))
      defects.push(await defectOf(connection, name, key))
  }
  return defects
}

async function selectCascades(
  connection: Connection,
  { schema, name }: TableName,
): Promise<readonly TextRow[]> {
  const silent = "('CASCADE', 'SET NULL', 'SET DEFAULT')"
  return connection.query(
    bind(
      `select constraint_name as name, referenced_table_name as parent, update_rule as on_update, delete_rule as on_delete,
        unique_constraint_schema as parent_schema
      from information_schema.referential_constraints where constraint_schema = ? and table_name = ?
        and (update_rule in ${silent} or delete_rule in ${silent}) order by constraint_name`,
      [schema, name],
    ),
  )
}

async function defectOf(connection: Connection, table: TableName, key: TextRow): Promise<CascadeDefect> {
  const columns = await connection.query(
    bind(
      `select column_name as child, referenced_column_name as parent from information_schema.key_column_usage
      where constraint_schema = ? and table_name = ? and constraint_name = ? order by ordinal_position`,
      [table.schema, table.name, key.name ?? ''],
    ),
  )
  const list = (side: 'child' | 'parent'): string =>
    columns.map((row) => identifier(row[side] ?? '')).join(', ')
  const parent = tableIdentifier({ schema: key.parent_schema ?? table.schema, name: key.parent ?? '' })
  const name = identifier(key.name ?? '')
  return {
    code: 'foreign-key-cascade',
    message: `the foreign key ${key.name ?? ''} changes rows of table ${table.schema}.${table.name} without logging them (on update ${(key.on_update ?? '').toLowerCase()}, on delete ${(key.on_delete ?? '').toLowerCase()})`,
    cure: `alter table ${tableIdentifier(table)} drop foreign key ${name}, add constraint ${identifier(`${key.name ?? ''}_restrict`)} foreign key (${list('child')}) references ${parent} (${list('parent')});`,
  }
}
