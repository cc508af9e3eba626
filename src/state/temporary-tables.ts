import type { Session } from './session.ts'

/** Deleted rows stay in the file, for nobody vacuums temporary tables; from here on it is truncated. */
const manyRows = 2_000

const deleted = new WeakMap<Session, Map<string, number>>()

/**
 * Empties temporary tables. They are not made with `on commit delete rows`, for then Postgres truncates every one of
 * them at every commit that uses any, and that took 5 ms for each of them.
 * `rows`: about how many they hold together.
 */
export async function emptyTables(session: Session, tables: readonly string[], rows: number): Promise<void> {
  const names = tables.join(', ')
  const counts = deleted.get(session) ?? new Map<string, number>()
  deleted.set(session, counts)
  const count = (counts.get(names) ?? 0) + rows
  counts.set(names, count > manyRows ? 0 : count)
  if (count > manyRows) {
    await session.query(`truncate ${names}`)
    return
  }
  const [last, ...others] = tables.map((table) => `delete from ${table}`)
  const parts = others.map((statement, i) => `emptied${i} as (${statement})`)
  await session.query(`${parts.length > 0 ? `with ${parts.join(', ')} ` : ''}${last}`)
}
