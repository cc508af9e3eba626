import type { Session } from '../../src/state/session.ts'

/** Where the sources stand and what they note, the lease, and how all are doing: what every run writes. */
const bookkeeping = ['source', 'ledger', 'lease', 'heartbeat', 'source_status', 'match_figure', 'match_feed']

/** Tells which rows of the warehouse and of the state are written from here on, but for the bookkeeping. */
export async function watchWrittenRows(session: Session): Promise<() => Promise<Record<string, number>>> {
  const [begin = ''] = await session.one('select pg_snapshot_xmax(pg_current_snapshot())')
  const before = await countRows(session)
  return async () => {
    const written: Record<string, number> = {}
    for (const [table, rows] of await countRows(session)) {
      const [found] = await session.one(
        `select count(*) from ${table} where xmin::text::bigint >= $1::bigint`,
        [begin],
      )
      // Rows that were written carry a later transaction; that rows are gone, only their number tells.
      const gone = Math.max(0, (before.get(table) ?? 0) - rows)
      if (Number(found) + gone > 0) written[table] = Number(found) + gone
    }
    return written
  }
}

async function countRows(session: Session): Promise<ReadonlyMap<string, number>> {
  const tables = await session.query(
    `select format('%I.%I', n.nspname, c.relname)
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and (n.nspname = 'warehouse' or n.nspname = 'syncline' and c.relname <> all($1))
      order by 1`,
    [bookkeeping],
  )
  const counts = new Map<string, number>()
  for (const [table] of tables) {
    const [count] = await session.one(`select count(*) from ${table}`)
    counts.set(table ?? '', Number(count))
  }
  return counts
}
