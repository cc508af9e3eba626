import type { Defect } from '../changes/source.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Connection } from './connection.ts'
import { cascadingKeys, type CascadingKey } from './ddl/foreign-keys.ts'
import { accountOf } from './preflight-account.ts'
import { identifier, tableIdentifier } from './sql.ts'
import type { TableName } from './table.ts'

type CascadeDefect = Omit<Defect, 'severity'>

/**
 * Tables whose rows change without a trace in the log. Asked of `show create table`: the information schema tells the
 * rules of foreign keys only to accounts that may do more than select.
 */
export async function cascadeDefects(
  connection: Connection,
  tables: readonly { readonly name: TableName }[],
): Promise<CascadeDefect[]> {
  if (connection.server.logsCascades) return []
  const defects: CascadeDefect[] = []
  for (const { name } of tables) {
    const definition = await readDefinition(connection, name)
    if (definition === 'hidden') defects.push(await hiddenDefect(connection, name))
    else defects.push(...cascadingKeys(definition).map((key) => defectOf(name, key)))
  }
  return defects
}

/** `hidden` when we see the table but not all of it; empty when there is no such table for us, which others tell. */
async function readDefinition(connection: Connection, name: TableName): Promise<string> {
  try {
    const [row] = await connection.query(`show create table ${tableIdentifier(name)}`)
    return row?.['Create Table'] ?? ''
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return error.area === 'permission' && (await hasColumns(connection, name)) ? 'hidden' : ''
  }
}

async function hasColumns(connection: Connection, name: TableName): Promise<boolean> {
  try {
    return (await connection.query(`show columns from ${tableIdentifier(name)}`)).length > 0
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return false
  }
}

async function hiddenDefect(connection: Connection, table: TableName): Promise<CascadeDefect> {
  const account = await accountOf(connection)
  return {
    code: 'foreign-keys-hidden',
    area: 'permission',
    message: `${account.text} may select single columns of ${table.schema}.${table.name} only and does not see its foreign keys, which may change rows without logging them`,
    cure: account.grant('references', tableIdentifier(table)),
  }
}

function defectOf(table: TableName, key: CascadingKey): CascadeDefect {
  const list = (columns: readonly string[]): string => columns.map(identifier).join(', ')
  const parent = tableIdentifier({ schema: key.parentSchema ?? table.schema, name: key.parent })
  const restricting = identifier(`${key.name}_restrict`)
  return {
    code: 'foreign-key-cascade',
    message: `the foreign key ${key.name} changes rows of table ${table.schema}.${table.name} without logging them (on update ${key.onUpdate}, on delete ${key.onDelete})`,
    cure: `alter table ${tableIdentifier(table)} drop foreign key ${identifier(key.name)}, add constraint ${restricting} foreign key (${list(key.columns)}) references ${parent} (${list(key.parentColumns)});`,
  }
}
