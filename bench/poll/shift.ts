import { watchWrittenRows } from '../../test/support/written-rows.ts'
import { sweepAtOnce, type FollowedApi } from './followed-api.ts'

/**
 * The last user changes and is listed first from now on, so that every page shifts by one. Returns how many rows were
 * written by table until all pages were read again, but for the source's position and ledger.
 */
export async function rowsWrittenByShift(api: FollowedApi): Promise<Record<string, number>> {
  const { simulator, warehouse } = api
  const last = [...simulator.users()].at(-1)
  if (last === undefined) throw new Error('there is nobody to move')
  const written = await watchWrittenRows(warehouse)
  simulator.remove(last.id)
  simulator.insert({ ...last, last_active_date: '2017-01-17' }, 0)
  await sweepAtOnce(api)
  return written()
}
