import { createHash } from 'node:crypto'
import { OperatorError } from '../runtime/errors.ts'
import { identifier, literal, qualified } from '../state/identifiers.ts'
import { isMade, noteMadeTable } from '../state/made-relations.ts'
import type { Session } from '../state/session.ts'
import type { MatchPlan } from './match-plan.ts'
import { matchedColumns, type MatchedColumn, type Mirrors } from './matched-columns.ts'
import { columnTypesOf, readColumnTypes } from './table-ddl.ts'
import { withViewsAside, type ViewFile } from './views.ts'

interface MatchedTable {
  readonly schema: string
  readonly plan: MatchPlan
  readonly mirrors: Mirrors
  readonly views: readonly ViewFile[]
}

/** Whether the table in which analysts find the match is there. Refuses one that is not ours. */
export async function hasMatchedTable(session: Session, { schema, plan }: MatchedTable): Promise<boolean> {
  const found = await readColumnTypes(session, schema, plan.name)
  if (found.size === 0) return false
  if (await isMade(session, { schema, name: plan.name })) return true
  throw notOurs(qualified(schema, plan.name), plan.name)
}

/**
 * Creates the table, or re-creates it when its shape follows another plan; it is empty then. One that is new has no keys
 * yet (`keyMatchedTable`); one that is re-created has them, since views may rely on them.
 */
export async function ensureMatchedTable(
  session: Session,
  { schema, plan, mirrors, views }: MatchedTable,
): Promise<void> {
  const table = qualified(schema, plan.name)
  const columns = matchedColumns(plan, mirrors)
  const wanted = [...(await columnTypesOf(session, columns))].join('; ')
  const found = [...(await readColumnTypes(session, schema, plan.name))].join('; ')
  if (found === '') {
    await session.query(createSql(table, columns))
    await noteMadeTable(session, { schema, name: plan.name })
  } else if (found !== wanted) {
    // Derived data: the caller fills it again from the match state.
    await withViewsAside(session, { schema, views, refused: () => inUse(table) }, async () => {
      await session.query(`drop table ${table}`)
      await session.query(createSql(table, columns))
      await session.query(keySql(table, columns))
    })
  }
  const comments = [
    `comment on table ${table} is ${literal(plan.description)}`,
    ...columns.map(
      ({ name, comment }) => `comment on column ${table}.${identifier(name)} is ${literal(comment)}`,
    ),
  ]
  await session.query(comments.join(';\n'))
}

/** Gives the table its keys, unless it has them: of all rows at once they take half the time that they take row by row. */
export async function keyMatchedTable(
  session: Session,
  { schema, plan, mirrors }: Omit<MatchedTable, 'views'>,
): Promise<void> {
  const table = qualified(schema, plan.name)
  const [keyed] = await session.one(
    `select exists (select from pg_constraint where conrelid = to_regclass($1) and contype = 'p')`,
    [table],
  )
  if (keyed === 't') return
  await session.query(keySql(table, matchedColumns(plan, mirrors)))
}

/** Hash of what the table shows of a match and how: when it differs the table has to be filled anew. */
export function shownHash(plan: MatchPlan, mirrors: Mirrors): string {
  const shown = matchedColumns(plan, mirrors).map(({ name, type, expression }) => [name, type, expression])
  return createHash('sha256').update(JSON.stringify(shown)).digest('hex')
}

function notOurs(table: string, match: string): OperatorError {
  return new OperatorError({
    area: 'data',
    code: 'table-not-ours',
    message: `match ${match}: there is a ${table} already that Syncline did not make`,
    hint: 'rename or drop it, or give the match another name, or the warehouse another schema (`warehouse.schema`)',
  })
}

function inUse(table: string): OperatorError {
  return new OperatorError({
    area: 'data',
    code: 'matched-table-in-use',
    message: `the columns of ${table} change with the configuration, but a view that is not in it depends on them`,
    hint: `drop the views that read ${table}, run again, and create them anew`,
  })
}

function createSql(table: string, columns: readonly MatchedColumn[]): string {
  const required = new Set(['match_weight', 'match_probability', 'model', 'matched_at', 'updated_at'])
  const definitions = columns.map(({ name, type, key }) => {
    const constraint = key !== undefined || required.has(name) ? ' not null' : ''
    return `  ${identifier(name)} ${type}${constraint}`
  })
  return `create table ${table} (\n${definitions.join(',\n')}\n)`
}

function keySql(table: string, columns: readonly MatchedColumn[]): string {
  const keyOf = (side: 'left' | 'right'): string =>
    columns
      .filter(({ key }) => key === side)
      .map(({ name }) => identifier(name))
      .join(', ')
  return `alter table ${table} add primary key (${keyOf('left')}), add unique (${keyOf('right')})`
}
