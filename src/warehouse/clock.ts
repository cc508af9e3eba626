import { literal, qualified } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'

/**
 * The day as of which "active" is meant. It stands in one one-row table that analysts can join; nothing else in
 * the warehouse reads a clock.
 */
export async function ensureAsOfTable(session: Session, schema: string): Promise<void> {
  const table = qualified(schema, 'as_of')
  await session.query(
    `create table if not exists ${table} (
       only_row boolean primary key default true check (only_row),
       as_of date not null);
     comment on table ${table} is ${literal('One row: the day as of which activity is judged. Set by --as-of, asOf in the configuration, or the current UTC date.')};
     comment on column ${table}.only_row is 'Keeps the table to one row.';
     comment on column ${table}.as_of is 'The day that counts as today. Active means: last active on or after as_of minus the window.'`,
  )
}

/** The day (`YYYY-MM-DD`); null before any was set. */
export async function readAsOf(session: Session, schema: string): Promise<string | null> {
  const [row] = await session.query(`select as_of from ${qualified(schema, 'as_of')}`)
  return row?.[0] ?? null
}

/** Sets the day (`YYYY-MM-DD`). Returns whether it changed. Only a tick moves a day that matches were shown by. */
export async function setAsOf(session: Session, schema: string, asOf: string): Promise<boolean> {
  const table = qualified(schema, 'as_of')
  const count = await session.execute(
    `insert into ${table} (as_of) values ($1::date)
     on conflict (only_row) do update set as_of = excluded.as_of where ${table}.as_of <> excluded.as_of`,
    [asOf],
  )
  return count > 0
}
