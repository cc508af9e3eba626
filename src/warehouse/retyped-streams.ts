import type { Cause } from '../state/causes.ts'
import { recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { readersOf, type Reader } from './changed-records.ts'
import { indexJoins } from './join-indexes.ts'
import { keyOf, mirrorName, type Mirror } from './mirror-table.ts'
import { removeChangedRecords } from './refresh.ts'
import { followMatch } from './rematch.ts'
import type { WarehouseState } from './warehouse-state.ts'

/**
 * To be called when columns of a mirror have other types: its records are noted, and those of rows that join it, since
 * their values, ids and joins may read otherwise. Records under ids that no row has any more, as `007` of a key that is
 * an integer now, are gone from this moment: what is left casts to the new types. Needs an open transaction.
 */
export async function noteRetyped(
  session: Session,
  mirror: Mirror,
  { state, cause }: { state: WarehouseState; cause: Cause },
): Promise<void> {
  const readers = readersOf(state.matches).filter(
    ({ plan }) => plan.stream === mirror.stream || plan.joins.some(({ stream }) => stream === mirror.stream),
  )
  for (const { model, side, plan } of readers) {
    // All of its records are noted below; what waits is known by former keys and, of its own rows, by former ids. Those of
    // rows that are gone are found as ghosts.
    const known = plan.stream === mirror.stream ? ['changed_record', 'syncline.match_queue'] : []
    for (const table of ['changed_join', 'syncline.match_fan_out', ...known])
      await session.query(`delete from ${table} where model = $1 and side = $2`, [model, side])
  }
  for (const reader of readers) {
    // The matched table has the former types, and so has what the state knows of the mirror.
    if (reader.plan.stream === mirror.stream) await removeGhosts(session, reader, { mirror, state, cause })
  }
  state.setMirror(mirror)
  for (const match of state.matches)
    if (state.isLive(match.model)) await indexJoins(session, match, state.mirrors)
  for (const { model, side, plan } of readers) {
    const base = state.mirrors.get(plan.stream)
    if (!base) continue
    await session.query(
      `insert into changed_record (model, side, id) select $1, $2, ${idSql(base)} from ${mirrorName(base)} base
       on conflict do nothing`,
      [model, side],
    )
  }
}

const idSql = (mirror: Mirror): string =>
  recordIdSql(
    'base',
    keyOf(mirror).map(({ name }) => name),
  )

async function removeGhosts(
  session: Session,
  { model, side }: Reader,
  { mirror, state, cause }: { mirror: Mirror; state: WarehouseState; cause: Cause },
): Promise<void> {
  const match = state.matches.find((one) => one.model === model)
  const ghosts = await session.execute(
    `insert into changed_record (model, side, id)
     select stored.model, stored.side, stored.id from syncline.match_record_${model} stored
      where stored.side = $1 and not exists (
        select from ${mirrorName(mirror)} base where ${idSql(mirror)} = stored.id collate "C")`,
    [side],
  )
  if (!match || ghosts === 0) return
  await removeChangedRecords(session, state, { model, side })
  if (state.isLive(model)) await followMatch(session, { match, state, cause })
  // Their ids need not cast to the types that come now.
  await session.query('delete from changed_record where model = $1 and side = $2', [model, side])
  for (const table of ['dirty_record', 'touched_left'])
    await session.query(`delete from ${table} where model = $1`, [model])
}
