import { keyColumns } from '../changes/column.ts'
import { OperatorError } from '../runtime/errors.ts'
import { closeAllDeadLetters } from '../state/dead-letters.ts'
import { qualified } from '../state/identifiers.ts'
import { forgetMade, isMade, type RelationName } from '../state/made-relations.ts'
import type { Session } from '../state/session.ts'
import { readStreams } from '../state/streams.ts'
import { dropFormerViews } from './former-views.ts'
import { dropConfiguredViews, sqlStateOf, type ViewFile } from './views.ts'

export interface PruneOptions {
  readonly schema: string
  /** Of the configuration. */
  readonly streams: readonly string[]
  readonly views: readonly ViewFile[]
  /** The key's columns of each stream as its source has them now; streams of which that is not known are absent. */
  readonly keys: ReadonlyMap<string, readonly string[]>
}

/** A table whose data no source keeps fresh any more. */
export interface Outdated {
  /** As SQL names it. */
  readonly table: string
  readonly why: string
}

export interface Pruned {
  readonly dropped: readonly Outdated[]
  /** Those on which something of somebody else depends, and what. */
  readonly kept: readonly (Outdated & { readonly usedBy: string })[]
}

interface OutdatedTable {
  readonly table: RelationName
  readonly why: string
  /** Else its stream is gone. */
  readonly isRekeyed: boolean
}

/** Tables that Syncline made for streams which are not in the configuration any more. */
export async function abandonedTables(
  session: Session,
  { schema, streams }: { readonly schema: string; readonly streams: readonly string[] },
): Promise<RelationName[]> {
  const rows = await session.query(
    `select s.stream from syncline.stream s join syncline.made on made.schema = $1 and made.name = s.stream
      where s.stream <> all($2) order by s.stream`,
    [schema, streams],
  )
  return rows.map(([name]) => ({ schema, name: name ?? '' }))
}

/**
 * Drops the tables of streams that are not in the configuration any more, and of those whose key is another one at the
 * source: their rows cannot be told apart as the source does it now. Only tables that Syncline made, and none on which
 * something else depends; for a new key the views of the configuration step aside until everything is read. Streams that are
 * configured have to be read anew afterwards: see `forgetLostMirrors`. Needs an open transaction.
 */
export async function pruneTables(session: Session, options: PruneOptions): Promise<Pruned> {
  const { schema, views } = options
  const abandoned = (await abandonedTables(session, options)).map((table): OutdatedTable => {
    return { table, isRekeyed: false, why: 'its stream is not configured any more' }
  })
  const outdated = [...abandoned, ...(await rekeyedTables(session, options))]
  if (outdated.length === 0) return { dropped: [], kept: [] }
  await dropFormerViews(session, schema, views)
  const [dropped, kept]: [Outdated[], Pruned['kept'][number][]] = [[], []]
  for (const one of outdated) {
    const { table, why } = one
    const name = qualified(table.schema, table.name)
    const usedBy = await dropTable(session, one, options)
    if (usedBy === null) dropped.push({ table: name, why })
    else kept.push({ table: name, why, usedBy })
  }
  return { dropped, kept }
}

async function rekeyedTables(session: Session, { schema, keys }: PruneOptions): Promise<OutdatedTable[]> {
  const found: OutdatedTable[] = []
  for (const [stream, { columns }] of await readStreams(session)) {
    const [before, now] = [keyColumns(columns).join(', '), keys.get(stream)?.join(', ')]
    const table = { schema, name: stream }
    if (now === undefined || now === before || !(await isMade(session, table))) continue
    found.push({ table, isRekeyed: true, why: `the key of its stream changed from (${before}) to (${now})` })
  }
  return found
}

/** Null when it was dropped, else what depends on it. The views of the configuration step aside for a new key alone. */
async function dropTable(
  session: Session,
  { table, isRekeyed }: OutdatedTable,
  { schema, views }: PruneOptions,
): Promise<string | null> {
  await session.query('savepoint pruning')
  try {
    if (isRekeyed) await dropConfiguredViews(session, schema, views)
    await session.query(`drop table ${qualified(table.schema, table.name)}`)
  } catch (error) {
    const usedBy = dependentsOf(error)
    if (usedBy === null) throw error
    await session.query('rollback to savepoint pruning')
    return usedBy
  }
  await forgetMade(session, table)
  await closeAllDeadLetters(session, table.name, 'dropped')
  return null
}

/** By what Postgres says when it refuses to drop something: `view v depends on table t`. Null for any other error. */
function dependentsOf(error: unknown): string | null {
  if (error instanceof OperatorError && error.code === 'view-in-use') return error.message
  if (sqlStateOf(error) !== '2BP01') return null
  const { detail } = (error as Error).cause as { detail?: string }
  return detail?.replaceAll('\n', '; ') ?? 'something'
}
