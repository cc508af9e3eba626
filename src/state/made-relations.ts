import type { Session } from './session.ts'

/** A table or view of the warehouse by its bare names. */
export interface RelationName {
  readonly schema: string
  readonly name: string
}

/** Whether Syncline made what has this name: all else belongs to somebody, and is never written or dropped. */
export async function isMade(session: Session, { schema, name }: RelationName): Promise<boolean> {
  const rows = await session.query('select from syncline.made where schema = $1 and name = $2', [
    schema,
    name,
  ])
  return rows.length > 0
}

export async function noteMadeTable(session: Session, { schema, name }: RelationName): Promise<void> {
  await session.query(
    `insert into syncline.made (schema, name) values ($1, $2)
     on conflict (schema, name) do update set definition = null, made_at = now()`,
    [schema, name],
  )
}

/** `names` as they are spelled in SQL, to be found on the search path. Those that are no views are passed over. */
export async function noteMadeViews(session: Session, names: readonly string[]): Promise<void> {
  await session.query(
    `insert into syncline.made (schema, name, definition)
     select distinct n.nspname, c.relname, md5(pg_get_viewdef(c.oid))
       from unnest($1::text[]) as spelled(name)
       join pg_class c on c.oid = to_regclass(spelled.name) and c.relkind = 'v'
       join pg_namespace n on n.oid = c.relnamespace
     on conflict (schema, name) do update set definition = excluded.definition, made_at = now()
      where made.definition is distinct from excluded.definition`,
    [names],
  )
}

export interface MadeView extends RelationName {
  /** Whether somebody has changed it since. */
  readonly changed: boolean
}

/** The views that we made and that are still there, but for those named (as spelled, on the search path). */
export async function readOtherMadeViews(session: Session, names: readonly string[]): Promise<MadeView[]> {
  const rows = await session.query(
    `select made.schema, made.name, made.definition <> md5(pg_get_viewdef(c.oid))
       from syncline.made
       join pg_namespace n on n.nspname = made.schema
       join pg_class c on c.relnamespace = n.oid and c.relname = made.name and c.relkind = 'v'
      where made.definition is not null
        and c.oid <> all(select to_regclass(name)::oid from unnest($1::text[]) as spelled(name)
                          where to_regclass(name) is not null)
      order by made.schema, made.name`,
    [names],
  )
  return rows.map(([schema, name, changed]) => ({
    schema: schema ?? '',
    name: name ?? '',
    changed: changed === 't',
  }))
}

/** A name that stands for nothing any more may be taken by anybody. */
export async function forgetLostRelations(session: Session): Promise<void> {
  await session.query(`delete from syncline.made where to_regclass(format('%I.%I', schema, name)) is null`)
}

export async function forgetMade(session: Session, { schema, name }: RelationName): Promise<void> {
  await session.query('delete from syncline.made where schema = $1 and name = $2', [schema, name])
}
