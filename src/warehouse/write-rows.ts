import { createHash } from 'node:crypto'
import type { Key, Row, Value } from '../changes/change.ts'
import type { Rejected } from '../changes/change-batch.ts'
import { copyInto } from '../state/copy.ts'
import { identifier } from '../state/identifiers.ts'
import { recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { emptyTables } from '../state/temporary-tables.ts'
import { DataError } from '../state/sql-states.ts'
import { isJoined, noteChangedSql } from './changed-records.ts'
import type { LiveMatch } from './match-plan.ts'
import { keyOf, mirrorName, type Mirror } from './mirror-table.ts'

/** The last word of a batch on one record: its row, or null when it is deleted. */
export interface RowChange {
  readonly key: Key
  readonly row: Row | null
}

/** By record id. */
export type RowChanges = ReadonlyMap<string, RowChange>

export interface WriteContext {
  readonly matches: readonly LiveMatch[]
}

/**
 * Makes the mirror hold `changes`, as a set, writing only rows that differ, and notes what changed for the
 * matcher. Rows that Postgres refuses are returned; their previous versions stay.
 */
export async function writeRows(
  session: Session,
  mirror: Mirror,
  changes: RowChanges,
  context: WriteContext,
): Promise<Rejected[]> {
  const upserts = [...changes].flatMap(([id, { key, row }]) => (row ? [{ id, key, row }] : []))
  const deleted = [...changes.values()].filter(({ row }) => row === null).map(({ key }) => key)
  await deleteRows(session, mirror, deleted, context)
  return upsertRows(session, mirror, upserts, context)
}

interface UpsertedRow {
  readonly key: Key
  readonly row: Row
}

/** Writes rows; when Postgres refuses a value, halves until the culprits stand alone. */
async function upsertRows(
  session: Session,
  mirror: Mirror,
  rows: readonly UpsertedRow[],
  context: WriteContext,
): Promise<Rejected[]> {
  if (rows.length === 0) return []
  const stage = await prepareStage(session, mirror)
  const names = mirror.columns.map(({ name }) => name)
  function* values(): Generator<Value[]> {
    for (const { row } of rows) yield names.map((name) => row[name] ?? null)
  }
  session.background(session.query('savepoint writing'))
  try {
    await copyInto(session, `${stage} (${names.map(identifier).join(', ')})`, values())
    await session.query(upsertSql(mirror, stage, context))
    session.background(emptyTables(session, [stage], rows.length))
    session.background(session.query('release savepoint writing'))
    return []
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    await session.query('rollback to savepoint writing')
    const [only] = rows
    if (only && rows.length === 1) {
      return [
        {
          stream: mirror.stream,
          key: only.key,
          code: error.code,
          reason: error.message,
          raw: JSON.stringify(only.row),
        },
      ]
    }
    const middle = rows.length >> 1
    return [
      ...(await upsertRows(session, mirror, rows.slice(0, middle), context)),
      ...(await upsertRows(session, mirror, rows.slice(middle), context)),
    ]
  }
}

/** A temporary table of the mirror's shape, made once per connection and shape. */
async function prepareStage(session: Session, mirror: Mirror): Promise<string> {
  // Names longer than Postgres keeps would be cut, and two streams share a stage.
  const stage = `stage_${createHash('sha256').update(mirror.stream).digest('hex').slice(0, 16)}`
  const shape = JSON.stringify(mirror.columns)
  if (session.prepared.get(stage) !== shape) {
    const columns = mirror.columns.map(({ name, type }) => `${identifier(name)} ${type}`)
    await session.query(`drop table if exists pg_temp.${stage}`)
    await session.query(`create temporary table ${stage} (${columns.join(', ')})`)
    session.prepared.set(stage, shape)
  }
  return stage
}

function upsertSql(mirror: Mirror, stage: string, context: WriteContext): string {
  const key = keyOf(mirror).map(({ name }) => name)
  const columns = mirror.columns.map(({ name }) => identifier(name)).join(', ')
  const rest = mirror.columns.filter(({ name }) => !key.includes(name))
  const action =
    rest.length === 0
      ? 'do nothing'
      : `do update set ${rest.map(({ name }) => `${identifier(name)} = excluded.${identifier(name)}`).join(', ')}
           where (${rest.map((column) => comparable('mirror', column)).join(', ')})
              is distinct from (${rest.map((column) => comparable('excluded', column)).join(', ')})`
  const insert = `insert into ${mirrorName(mirror)} as mirror (${columns})
    select ${columns} from ${stage} on conflict (${key.map(identifier).join(', ')}) ${action}`
  if (!isJoined(mirror.stream, context.matches)) return noting(mirror, insert, 'mirror', context)
  // The snapshot of a statement is that of its beginning, so these are the rows before. Each is looked up by its key.
  const isSame = key.map((name) => `mirror.${identifier(name)} = stage.${identifier(name)}`).join(' and ')
  const note = noteChangedSql(mirror, context.matches, { former: true })
  return `with former as materialized (
      select old.* from ${stage} stage
       cross join lateral (select * from ${mirrorName(mirror)} mirror where ${isSame} offset 0) old),
    written as (${insert} returning mirror.*) ${note}`
}

/** Values are equal when they print alike, which `=` does not say for every type. */
export function comparable(alias: string, { name, type }: { name: string; type: string }): string {
  const column = `${alias}.${identifier(name)}`
  return /^(json|xml|real|double|numeric$|geometry|point)/.test(type) ? `${column}::text` : column
}

/** Runs `statement` and notes the rows it wrote, if a match reads the stream. */
function noting(mirror: Mirror, statement: string, alias: string, { matches }: WriteContext): string {
  const note = noteChangedSql(mirror, matches)
  if (note === null) return statement
  const key = keyOf(mirror).map(({ name }) => `${alias}.${identifier(name)}`)
  return `with written as (${statement} returning ${key.join(', ')}) ${note}`
}

async function deleteRows(
  session: Session,
  mirror: Mirror,
  keys: readonly Key[],
  context: WriteContext,
): Promise<void> {
  if (keys.length === 0) return
  const key = keyOf(mirror)
  const arrays = key.map((_, place) => `$${place + 1}::text[]`).join(', ')
  const names = key.map((_, place) => `k${place}`).join(', ')
  const condition = key
    .map(({ name, type }, place) => `mirror.${identifier(name)} = gone.k${place}::${type}`)
    .join(' and ')
  await session.query(
    noting(
      mirror,
      `delete from ${mirrorName(mirror)} mirror using unnest(${arrays}) as gone(${names}) where ${condition}`,
      'mirror',
      context,
    ),
    key.map((_, place) => keys.map((parts) => parts[place] ?? null)),
  )
}

/** Empties the mirror, for a truncate at the source. */
export async function deleteAllRows(session: Session, mirror: Mirror, context: WriteContext): Promise<void> {
  await session.query(noting(mirror, `delete from ${mirrorName(mirror)} mirror`, 'mirror', context))
}

/** Deletes the rows that a finished resync has not seen.*/
export async function deleteUnseenRows(
  session: Session,
  mirror: Mirror,
  context: WriteContext,
): Promise<void> {
  await session.query(
    noting(mirror, `delete from ${mirrorName(mirror)} mirror where ${unseenSql(mirror)}`, 'mirror', context),
    [mirror.stream],
  )
}

/** Mirrored records that the running resync has not seen, of all. */
export async function countUnseenRows(
  session: Session,
  mirror: Mirror,
): Promise<{ gone: number; known: number }> {
  const [gone, known] = await session.one(
    `select count(*) filter (where ${unseenSql(mirror)}), count(*) from ${mirrorName(mirror)} mirror`,
    [mirror.stream],
  )
  return { gone: Number(gone), known: Number(known) }
}

function unseenSql(mirror: Mirror): string {
  const id = recordIdSql(
    'mirror',
    keyOf(mirror).map(({ name }) => name),
  )
  return `not exists (
    select from syncline.resync_seen seen where seen.stream = $1 and seen.id = ${id})`
}
