import { keyColumns, type Column } from '../changes/column.ts'
import { BugError, OperatorError } from '../runtime/errors.ts'
import { identifier, literal, qualified } from '../state/identifiers.ts'
import { isMade, noteMadeTable } from '../state/made-relations.ts'
import type { Session } from '../state/session.ts'
import { DataError } from '../state/sql-states.ts'
import { updatable } from '../state/updatable.ts'
import { joinIndexPattern } from './join-index-name.ts'
import { columnTypesOf, readColumnTypes } from './table-ddl.ts'
import { withViewsAside, type ViewFile } from './views.ts'

/** A mirrored table: the warehouse's copy of one stream. */
export interface Mirror {
  readonly schema: string
  readonly stream: string
  readonly columns: readonly Column[]
}

/** The mirrors of the streams that there are, by their names. */
export function mirrorsOf(
  schema: string,
  streams: Iterable<readonly [string, { readonly columns: readonly Column[] }]>,
): Map<string, Mirror> {
  return new Map([...streams].map(([stream, { columns }]) => [stream, { schema, stream, columns }]))
}

export const mirrorName = ({ schema, stream }: Mirror): string => qualified(schema, stream)

export function keyOf(mirror: Mirror): readonly Column[] {
  return keyColumns(mirror.columns).map((name) => columnOf(mirror, name))
}

export function columnOf(mirror: Mirror, name: string): Column {
  const column = mirror.columns.find((candidate) => candidate.name === name)
  if (!column) {
    throw new BugError({ code: 'no-such-column', message: `stream ${mirror.stream} has no column ${name}` })
  }
  return column
}

/**
 * Creates the table, or brings it to a changed shape, whatever shape it has. Additive: a column that the source
 * dropped stays and is null from then on. `described` is the operator's sentence about the table. Returns whether
 * values of rows may have changed.
 */
export async function ensureMirror(
  session: Session,
  mirror: Mirror,
  { described, views }: { described: string; views: readonly ViewFile[] },
): Promise<boolean> {
  const found = await readColumnTypes(session, mirror.schema, mirror.stream)
  const isNew = found.size === 0
  if (isNew) await create(session, mirror)
  else await refuseUnlessMade(session, mirror)
  const reshaped = !isNew && (await reshape(session, mirror, { found, views }))
  await comment(session, mirror, described)
  return reshaped
}

async function create(session: Session, mirror: Mirror): Promise<void> {
  const definitions = mirror.columns.map((column) => `  ${columnDefinition(column)}`)
  const key = keyColumns(mirror.columns).map(identifier)
  if (key.length === 0) {
    throw new BugError({ code: 'no-key', message: `stream ${mirror.stream} announces no key` })
  }
  await session.query(
    `create table ${mirrorName(mirror)} (\n${definitions.join(',\n')},\n  primary key (${key.join(', ')})\n) ${updatable}`,
  )
  await noteMadeTable(session, { schema: mirror.schema, name: mirror.stream })
}

/** Rows of somebody else would be overwritten, and deleted at the end of the first resync. */
async function refuseUnlessMade(session: Session, mirror: Mirror): Promise<void> {
  if (await isMade(session, { schema: mirror.schema, name: mirror.stream })) return
  throw new OperatorError({
    area: 'data',
    code: 'table-not-ours',
    message: `stream ${mirror.stream}: there is a ${mirrorName(mirror)} already that Syncline did not make`,
    hint: `rename or drop it, or let the stream go to another table (its \`as\`) or another schema (\`warehouse.schema\`)`,
  })
}

function columnDefinition(column: Column): string {
  return `${identifier(column.name)} ${typeDefinition(column)}${column.keyPosition === null ? '' : ' not null'}`
}

/** Text keys compare bytewise, like the keys of changes do. */
function typeDefinition({ type, keyPosition }: Column): string {
  return keyPosition !== null && /^(text|varchar|char|character)/.test(type) ? `${type} collate "C"` : type
}

async function reshape(
  session: Session,
  mirror: Mirror,
  { found, views }: { found: ReadonlyMap<string, string>; views: readonly ViewFile[] },
): Promise<boolean> {
  await refuseOtherKey(session, mirror)
  const table = mirrorName(mirror)
  for (const column of mirror.columns.filter(({ name }) => !found.has(name))) {
    await session.query(`alter table ${table} add column ${columnDefinition(column)}`)
  }
  const wanted = await columnTypesOf(session, mirror.columns)
  const retyped = mirror.columns.filter(({ name }) => found.has(name) && found.get(name) !== wanted.get(name))
  if (retyped.length > 0) await retype(session, mirror, { retyped, views })
  const dropped = [...found.keys()].filter((name) => !wanted.has(name)).map(identifier)
  if (dropped.length > 0) {
    await session.query(
      `update ${table} set ${dropped.map((name) => `${name} = null`).join(', ')}
        where ${dropped.map((name) => `${name} is not null`).join(' or ')}`,
    )
  }
  return retyped.length > 0
}

async function refuseOtherKey(session: Session, mirror: Mirror): Promise<void> {
  const rows = await session.query(
    `select a.attname from pg_index i
      cross join lateral unnest(i.indkey) with ordinality as k(attnum, place)
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = to_regclass($1) and i.indisprimary order by k.place`,
    [mirrorName(mirror)],
  )
  const before = rows.flat().join(', ')
  const after = keyColumns(mirror.columns).join(', ')
  if (before === after) return
  throw new OperatorError({
    area: 'data',
    code: 'key-changed',
    message: `the key of stream ${mirror.stream} changed from (${before}) to (${after})`,
    hint: `its rows are kept; \`syncline run --prune\` drops ${mirrorName(mirror)} and reads the source anew`,
  })
}

async function retype(
  session: Session,
  mirror: Mirror,
  { retyped, views }: { retyped: readonly Column[]; views: readonly ViewFile[] },
): Promise<void> {
  const table = mirrorName(mirror)
  const refused = (): OperatorError =>
    new OperatorError({
      area: 'data',
      code: 'column-in-use',
      message: `stream ${mirror.stream}: the type of ${retyped.map(({ name }) => name).join(', ')} changed at the source, but a view that is not in the configuration depends on it`,
      hint: `drop the views that read ${table}, run again, and create them anew`,
    })
  await withViewsAside(session, { schema: mirror.schema, views, refused }, async () => {
    await dropJoinIndexes(session, table)
    for (const column of retyped) await retypeColumn(session, table, column)
  })
}

/** They are made for the types that there were, and need not be possible for others. */
async function dropJoinIndexes(session: Session, table: string): Promise<void> {
  const rows = await session.query(
    `select i.indexrelid::regclass from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indrelid = to_regclass($1) and c.relname ~ $2`,
    [table, joinIndexPattern],
  )
  for (const [index] of rows) await session.query(`drop index ${index}`)
}

/**
 * Old values that do not fit the new type become null, rows whose keys do not are gone: the source reads a table anew
 * whose shape has changed.
 */
async function retypeColumn(session: Session, table: string, column: Column): Promise<void> {
  const name = identifier(column.name)
  const alter = (using: string): Promise<unknown> =>
    session.query(
      `alter table ${table} alter column ${name} type ${typeDefinition(column)} using ${using}::${column.type}`,
    )
  await session.query('savepoint retyping')
  try {
    await alter(`${name}::text`)
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    await session.query('rollback to savepoint retyping')
    if (column.keyPosition !== null) await session.query(`delete from ${table}`)
    await alter('null')
  }
}

async function comment(session: Session, mirror: Mirror, described: string): Promise<void> {
  const statements = [`comment on table ${mirrorName(mirror)} is ${literal(described)}`]
  for (const { name, comment } of mirror.columns) {
    const text = comment === null || comment === '' ? `${name}, as the source has it.` : comment
    statements.push(`comment on column ${mirrorName(mirror)}.${identifier(name)} is ${literal(text)}`)
  }
  await session.query(statements.join(';\n'))
}

export async function countRows(session: Session, mirror: Mirror): Promise<number> {
  const [rows] = await session.one(`select count(*) from ${mirrorName(mirror)}`)
  return Number(rows)
}
