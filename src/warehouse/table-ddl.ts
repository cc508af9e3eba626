import { qualified } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'

/** `name type, …` in column order as Postgres has them, or null when there is no such table. */
export async function readTableShape(
  session: Session,
  schema: string,
  table: string,
): Promise<string | null> {
  const [shape] = await session.one(
    `select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
       from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`,
    [qualified(schema, table)],
  )
  return shape ?? null
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
