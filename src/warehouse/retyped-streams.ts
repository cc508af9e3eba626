import type { Column } from '../changes/column.ts'
import type { Cause } from '../state/causes.ts'
import { recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { readersOf, type Reader } from './changed-records.ts'
import { indexJoins } from './join-indexes.ts'
import { keyOf, mirrorName, type Mirror } from './mirror-table.ts'
import { noteEveryRecord } from './rematch-queue.ts'
import { removeChangedRecords } from './refresh.ts'
import { followMatch } from './rematch.ts'
import type { WarehouseState } from './warehouse-state.ts'

/**
 * To be called when columns of a mirror have other types: its records are noted, and those of rows that join it, since
 * their values, ids and joins may read otherwise. Records under ids that no row has any more, as `007` of a key that is
 * an integer now, and those with values that do not fit, as `york` where numbers are now, are gone from this moment: what
 * is left casts to the new types, and so can be shown. Needs an open transaction.
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
    for (const table of ['changed_join', ...known])
      await session.query(`delete from ${table} where model = $1 and side = $2`, [model, side])
  }
  // The matched table has the former types, and so has what the state knows of the mirror.
  for (const reader of readers) await removeMisfits(session, reader, { mirror, state, cause })
  state.setMirror(mirror)
  for (const match of state.matches)
    if (state.isLive(match.model)) await indexJoins(session, match, state.mirrors)
  for (const reader of readers) await noteEveryRecord(session, reader, { state, cause })
}

const idSql = (mirror: Mirror): string =>
  recordIdSql(
    'base',
    keyOf(mirror).map(({ name }) => name),
  )

async function removeMisfits(
  session: Session,
  { model, side, plan }: Reader,
  { mirror, state, cause }: { mirror: Mirror; state: WarehouseState; cause: Cause },
): Promise<void> {
  const match = state.matches.find((one) => one.model === model)
  if (!match) return
  const former = new Map(state.mirrors.get(mirror.stream)?.columns.map(({ name, type }) => [name, type]))
  const misfits: string[] = []
  for (const [place, field] of match.plan.model.fields.entries()) {
    const source = plan.fields.get(field)
    const column = mirror.columns.find(({ name }) => name === source?.column)
    if (source?.stream !== mirror.stream || !column || former.get(column.name) === column.type) continue
    misfits.push(`not ${await fitting(session, place, column)}(stored.fields[${place + 1}])`)
  }
  if (plan.stream === mirror.stream) {
    misfits.push(`not exists (
        select from ${mirrorName(mirror)} base where ${idSql(mirror)} = stored.id collate "C")`)
  }
  if (misfits.length === 0) return
  const found = await session.execute(
    `insert into changed_record (model, side, id)
     select stored.model, stored.side, stored.id from syncline.match_record_${model} stored
      where stored.side = $1 and (${misfits.join(' or ')})`,
    [side],
  )
  if (found === 0) return
  await removeChangedRecords(session, state, { model, side })
  if (state.isLive(model)) await followMatch(session, { match, state, cause })
  // Their ids need not cast to the types that come now.
  await session.query('delete from changed_record where model = $1 and side = $2', [model, side])
  for (const table of ['dirty_record', 'touched_left'])
    await session.query(`delete from ${table} where model = $1`, [model])
}

/** Makes a function that says whether a text casts to the type of a column, as Postgres itself can say from 16 on. */
async function fitting(session: Session, place: number, { type }: Column): Promise<string> {
  const name = `pg_temp.fits_${place}`
  await session.query(
    `create or replace function ${name}(value text) returns boolean language plpgsql as $$
     begin
       perform value::${type};
       return true;
     exception when data_exception or program_limit_exceeded then
       return false;
     end $$`,
  )
  return name
}
