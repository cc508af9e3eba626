import { keyColumns, type Column } from '../changes/column.ts'
import { BugError, OperatorError } from '../runtime/errors.ts'
import { identifier, literal, qualified } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'
import { withViewsAside, type ViewFile } from './views.ts'

/** A mirrored table: the warehouse's copy of one stream. */
export interface Mirror {
  readonly schema: string
  readonly stream: string
  readonly columns: readonly Column[]
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
 * Creates the table, or brings it to a changed shape. Additive: a column that the source dropped stays and is null
 * from then on. `described` is the operator's sentence about the table.
 */
export async function ensureMirror(
  session: Session,
  mirror: Mirror,
  {
    before,
    described,
    views,
  }: { before: readonly Column[] | null; described: string; views: readonly ViewFile[] },
): Promise<void> {
  if (before) await reshape(session, mirror, { before, views })
  else await create(session, mirror)
  await comment(session, mirror, described)
}

async function create(session: Session, mirror: Mirror): Promise<void> {
  const definitions = mirror.columns.map((column) => `  ${columnDefinition(column)}`)
  const key = keyColumns(mirror.columns).map(identifier)
  if (key.length === 0) {
    throw new BugError({ code: 'no-key', message: `stream ${mirror.stream} announces no key` })
  }
  await session.query(
    `create table if not exists ${mirrorName(mirror)} (\n${definitions.join(',\n')},\n  primary key (${key.join(', ')})\n)`,
  )
}

/** Text keys compare bytewise, like the keys of changes do. */
function columnDefinition({ name, type, keyPosition }: Column): string {
  const bytewise = keyPosition !== null && /^(text|varchar|char|character)/.test(type) ? ' collate "C"' : ''
  return `${identifier(name)} ${type}${bytewise}${keyPosition === null ? '' : ' not null'}`
}

async function reshape(
  session: Session,
  mirror: Mirror,
  { before, views }: { before: readonly Column[]; views: readonly ViewFile[] },
): Promise<void> {
  const oldKey = before.filter(({ keyPosition }) => keyPosition !== null)
  const newKey = keyOf(mirror)
  const sameKey =
    oldKey.length === newKey.length &&
    newKey.every(({ name, keyPosition }) =>
      oldKey.some((old) => old.name === name && old.keyPosition === keyPosition),
    )
  if (!sameKey) {
    throw new OperatorError({
      area: 'data',
      code: 'key-changed',
      message: `the key of stream ${mirror.stream} changed from (${oldKey.map(({ name }) => name).join(', ')}) to (${newKey.map(({ name }) => name).join(', ')})`,
      hint: `drop table ${mirrorName(mirror)} cascade; delete from syncline.stream where stream = ${literal(mirror.stream)}; and run again to re-read it`,
    })
  }
  const old = new Map(before.map((column) => [column.name, column]))
  for (const column of mirror.columns.filter(({ name }) => !old.has(name))) {
    await session.query(
      `alter table ${mirrorName(mirror)} add column if not exists ${columnDefinition(column)}`,
    )
  }
  const retyped = mirror.columns.filter(({ name, type }) => old.has(name) && old.get(name)?.type !== type)
  if (retyped.length > 0) await retype(session, mirror, { retyped, views })
  const dropped = before.filter(({ name }) => !mirror.columns.some((column) => column.name === name))
  if (dropped.length > 0) {
    const nulls = dropped.map(({ name }) => `${identifier(name)} = null`).join(', ')
    await session.query(`update ${mirrorName(mirror)} set ${nulls}`)
  }
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
    for (const { name, type } of retyped) {
      const column = identifier(name)
      await session.query(
        `alter table ${table} alter column ${column} type ${type} using ${column}::text::${type}`,
      )
    }
  })
}

async function comment(session: Session, mirror: Mirror, described: string): Promise<void> {
  const statements = [`comment on table ${mirrorName(mirror)} is ${literal(described)}`]
  for (const { name, comment } of mirror.columns) {
    if (comment === null || comment === '') continue
    statements.push(`comment on column ${mirrorName(mirror)}.${identifier(name)} is ${literal(comment)}`)
  }
  await session.query(statements.join(';\n'))
}

export async function isEmpty(session: Session, mirror: Mirror): Promise<boolean> {
  const [empty] = await session.one(`select not exists (select from ${mirrorName(mirror)})`)
  return empty === 't'
}
