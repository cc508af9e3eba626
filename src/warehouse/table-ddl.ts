import { identifier, qualified } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'

/** Column → type as Postgres prints it, in column order; empty when there is no such table. */
export async function readColumnTypes(
  session: Session,
  schema: string,
  table: string,
): Promise<Map<string, string>> {
  const rows = await session.query(
    `select a.attname, format_type(a.atttypid, a.atttypmod)
       from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
      order by a.attnum`,
    [qualified(schema, table)],
  )
  return new Map(rows.map(([name, type]) => [name ?? '', type ?? '']))
}

/** The same for columns that are yet to be, since Postgres spells types its own way. */
export async function columnTypesOf(
  session: Session,
  columns: readonly { readonly name: string; readonly type: string }[],
): Promise<Map<string, string>> {
  const definitions = columns.map(({ name, type }) => `${identifier(name)} ${type}`)
  await session.query(`create temporary table wanted_shape (${definitions.join(', ')})`)
  const types = await readColumnTypes(session, 'pg_temp', 'wanted_shape')
  await session.query('drop table pg_temp.wanted_shape')
  return types
}

/** The columns of the primary key of `table`, a qualified name, in the order of the key; none where there is no such table. */
export async function readPrimaryKey(session: Session, table: string): Promise<string[]> {
  const rows = await session.query(
    `select a.attname from pg_constraint c
      cross join unnest(c.conkey) with ordinality as part (number, place)
       join pg_attribute a on a.attrelid = c.conrelid and a.attnum = part.number
      where c.conrelid = to_regclass($1) and c.contype = 'p' order by part.place`,
    [table],
  )
  return rows.map(([name]) => name ?? '')
}

/** The `create table` statement of a table as it stands in the catalogue, with its constraints. */
export async function readTableDdl(session: Session, schema: string, table: string): Promise<string> {
  const name = qualified(schema, table)
  const columns = await session.query(
    `select quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
            || case when a.attnotnull then ' not null' else '' end
       from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
      order by a.attnum`,
    [name],
  )
  const constraints = await session.query(
    `select 'constraint ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid)
       from pg_constraint where conrelid = to_regclass($1) and contype in ('p', 'u', 'c') order by contype, conname`,
    [name],
  )
  const [printed] = await session.one('select to_regclass($1)::text', [name])
  const lines = [...columns, ...constraints].map(([line]) => `  ${line}`)
  return `create table ${printed ?? name} (\n${lines.join(',\n')}\n);`
}
