import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { OperatorError, TransientError } from '../runtime/errors.ts'
import { identifier } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'

/** A file of the operator that creates views with `create or replace view`. */
export interface ViewFile {
  readonly file: string
  readonly sql: string
  /** As they are spelled in the file, in its order. */
  readonly views: readonly string[]
}

export async function readViewFiles(files: readonly string[]): Promise<ViewFile[]> {
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(file, 'utf8')
      const views = [...sql.matchAll(/create\s+or\s+replace\s+view\s+((?:"[^"]+"|[\w.])+)/gi)]
      return { file, sql, views: views.map(([, name]) => name ?? '') }
    }),
  )
}

/**
 * Creates the views in the order of the files, with the warehouse schema first on the search path. A view whose
 * columns changed cannot be replaced in place: then the views of the files are dropped and created anew. Needs an
 * open transaction, so that analysts never miss one.
 */
export async function applyViews(
  session: Session,
  schema: string,
  files: readonly ViewFile[],
): Promise<void> {
  if (files.length === 0) return
  await session.query(`set local search_path to ${identifier(schema)}`)
  await session.query('savepoint views')
  try {
    for (const { sql } of files) await session.query(sql)
  } catch {
    await session.query('rollback to savepoint views')
    await dropViews(session, files)
    for (const file of files) await applyOne(session, file)
  }
  await session.query('set local search_path to default')
}

/**
 * Changes the shape of a table on which the operator's views may depend: they step aside for it within the open
 * transaction. Views of others are not ours to drop; Postgres then refuses, and `refused` says what to do.
 */
export async function withViewsAside(
  session: Session,
  { schema, views, refused }: { schema: string; views: readonly ViewFile[]; refused: () => OperatorError },
  reshape: () => Promise<void>,
): Promise<void> {
  await session.query(`set local search_path to ${identifier(schema)}`)
  const present = await existingViews(session, views)
  await dropConfiguredViews(session, schema, views)
  await session.query('savepoint reshaping')
  try {
    await reshape()
  } catch (error) {
    const state = sqlStateOf(error)
    if (state !== '2BP01' && state !== '0A000') throw error
    throw refused()
  }
  await applyViews(
    session,
    schema,
    views.filter((file) => file.views.some((view) => present.has(view))),
  )
}

/** The code by which Postgres refused a statement; undefined for any other error. */
export function sqlStateOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

/** Until `applyViews`. Throws an `OperatorError` (`view-in-use`) where views of others stand on them. */
export async function dropConfiguredViews(
  session: Session,
  schema: string,
  views: readonly ViewFile[],
): Promise<void> {
  await session.query(`set local search_path to ${identifier(schema)}`)
  await dropViews(session, views)
  await session.query('set local search_path to default')
}

async function existingViews(session: Session, files: readonly ViewFile[]): Promise<Set<string>> {
  const names = files.flatMap(({ views }) => views)
  const rows = await session.query(
    'select name from unnest($1::text[]) as name where to_regclass(name) is not null',
    [names],
  )
  return new Set(rows.map(([name]) => name ?? ''))
}

async function dropViews(session: Session, files: readonly ViewFile[]): Promise<void> {
  const names = files.flatMap(({ views }) => views).reverse()
  for (const name of names) {
    try {
      await session.query(`drop view if exists ${name}`)
    } catch (error) {
      if (sqlStateOf(error) !== '2BP01') throw error
      throw new OperatorError({
        area: 'data',
        code: 'view-in-use',
        message: `the view ${name} has to change, but a view that is not in the configuration depends on it`,
        hint: `drop the views that read ${name}, run again, and create them anew`,
        cause: error,
      })
    }
  }
}

async function applyOne(session: Session, { file, sql }: ViewFile): Promise<void> {
  try {
    await session.query(sql)
  } catch (error) {
    if (error instanceof TransientError || error instanceof OperatorError) throw error
    const { message, place } = refusalOf(error, sql)
    throw new OperatorError({
      area: 'configuration',
      code: 'view-failed',
      message: `${basename(file)}${place === null ? '' : `:${place.line}`}: ${message}${place === null ? '' : `, near: ${place.text}`}`,
      hint: `correct the SQL of ${file}; the tables are filled and stay as they are`,
    })
  }
}

const longestExcerpt = 80

/** What Postgres says of a refused file, without the file, and the line it points to. */
function refusalOf(
  error: unknown,
  sql: string,
): { message: string; place: { line: number; text: string } | null } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const message = cause instanceof Error ? cause.message : String(cause)
  // In code points, from 1.
  const position = Number((cause as { position?: unknown } | null)?.position ?? NaN)
  if (!Number.isInteger(position)) return { message, place: null }
  const characters = Array.from(sql)
  const before = characters
    .slice(0, position - 1)
    .join('')
    .split('\n')
  const rest =
    characters
      .slice(position - 1)
      .join('')
      .split('\n', 1)[0] ?? ''
  return { message, place: { line: before.length, text: rest.slice(0, longestExcerpt).trim() } }
}
