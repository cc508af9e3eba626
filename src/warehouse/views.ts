import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { OperatorError } from '../runtime/errors.ts'
import { identifier } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'

/**
 * Applies the operator's view files in order, in one transaction, with the warehouse schema first on the search
 * path. A view whose columns changed cannot be replaced in place: then the views of the files are dropped first
 * and created anew.
 */
export async function applyViews(session: Session, schema: string, files: readonly string[]): Promise<void> {
  if (files.length === 0) return
  const views = await Promise.all(files.map(async (file) => ({ file, sql: await readFile(file, 'utf8') })))
  await session.transaction(async () => {
    await session.query(`set local search_path to ${identifier(schema)}`)
    await session.query('savepoint views')
    try {
      for (const { sql } of views) await session.query(sql)
    } catch {
      await session.query('rollback to savepoint views')
      await dropViews(session, views.map(({ sql }) => sql).reverse())
      for (const view of views) await applyOne(session, view)
    }
  })
}

async function dropViews(session: Session, sources: readonly string[]): Promise<void> {
  const names = sources.flatMap((sql) =>
    [...sql.matchAll(/create\s+or\s+replace\s+view\s+("?[\w.]+"?)/gi)]
      .map(([, name]) => name ?? '')
      .reverse(),
  )
  for (const name of names) await session.query(`drop view if exists ${name}`)
}

async function applyOne(session: Session, { file, sql }: { file: string; sql: string }): Promise<void> {
  try {
    await session.query(sql)
  } catch (error) {
    throw new OperatorError({
      area: 'configuration',
      code: 'view-failed',
      message: `${basename(file)}: ${error instanceof Error ? error.message : String(error)}`,
      hint: `correct the SQL of ${file}; the tables are filled and stay as they are`,
      cause: error,
    })
  }
}
