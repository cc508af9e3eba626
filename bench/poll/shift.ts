import { sweepAtOnce, type FollowedApi } from './followed-api.ts'

/**
 * The last user changes and is listed first from now on, so that every page shifts by one. Returns how many rows were
 * written by table until all pages were read again, but for the source's position and ledger.
 */
export async function rowsWrittenByShift(api: FollowedApi): Promise<ReadonlyMap<string, number>> {
  const { simulator, warehouse } = api
  const last = [...simulator.users()].at(-1)
  if (last === undefined) throw new Error('there is nobody to move')
  const [before = ''] = await warehouse.one('select pg_snapshot_xmax(pg_current_snapshot())')
  const counts = await countRows(api)
  simulator.remove(last.id)
  simulator.insert({ ...last, last_active_date: '2017-01-17' }, 0)
  await sweepAtOnce(api)
  const written = new Map<string, number>()
  for (const [table, rows] of await countRows(api)) {
    const [found] = await warehouse.one(
      `select count(*) from ${table} where xmin::text::bigint >= $1::bigint`,
      [before],
    )
    // Written rows are those of a later transaction; what went is told by how many there were.
    const gone = Math.max(0, (counts.get(table) ?? 0) - rows)
    if (Number(found) + gone > 0) written.set(table, Number(found) + gone)
  }
  return written
}

/** Where the sources stand, what they note of pages, the lease, and how all are doing. */
const bookkeeping = ['source', 'ledger', 'lease', 'heartbeat', 'source_status', 'match_figure', 'match_feed']

async function countRows({ warehouse }: FollowedApi): Promise<ReadonlyMap<string, number>> {
  const tables = await warehouse.query(
    `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('warehouse', 'syncline') and c.relkind = 'r' and not (n.nspname = 'syncline' and c.relname = any($1))
      order by 1`,
    [bookkeeping],
  )
  const counts = new Map<string, number>()
  for (const [table = ''] of tables) {
    const [count] = await warehouse.one(`select count(*) from ${table}`)
    counts.set(table ?? '', Number(count))
  }
  return counts
}
