import type { Session } from '../state/session.ts'
import { readAsOf, setAsOf } from './clock.ts'
import type { LiveMatch } from './match-plan.ts'
import { noting } from './noting.ts'
import { followMatch } from './rematch.ts'
import type { WarehouseState } from './warehouse-state.ts'

/**
 * Moves the day as of which activity is judged, whether by one or by many days, forwards or back, in one commit with
 * its effect: only matches that cross the edge of the activity window are written. Returns whether the day moved.
 * Matches that are still loading are shown as of the new day when they are published.
 */
export async function tick(session: Session, state: WarehouseState, asOf: string): Promise<boolean> {
  const ticked = await noting(session, state, async () => {
    const before = await readAsOf(session, state.schema)
    if (before === asOf) return null
    const live = state.matches.filter(({ model }) => state.isLive(model))
    let crossing = 0
    if (before !== null) {
      for (const match of live) crossing += await noteCrossing(session, match, { before, asOf })
    }
    await setAsOf(session, state.schema, asOf)
    for (const match of live) await followMatch(session, { match, state, cause: { kind: 'clock' } })
    return crossing
  })
  return ticked !== null
}

/**
 * Notes the matches of which one record was last active between the edges of both windows. Dates are compared as the
 * texts that Postgres prints, whose order within the years 1 to 9999 is that of the dates; a time of the day follows
 * its date.
 */
async function noteCrossing(
  session: Session,
  { model, plan }: LiveMatch,
  { before, asOf }: { before: string; asOf: string },
): Promise<number> {
  if (!plan.activity) return 0
  const place = plan.model.fields.indexOf(plan.activity.field) + 1
  return session.execute(
    `insert into touched_left (model, id)
     select $1, case crossing.side when 'l' then a.id else a.partner end
       from (select side, id from syncline.match_record_${model}
              where model = $1 and fields[${place}] collate "C" >= (least($2::date, $3::date) - $4::integer)::text
                and fields[${place}] collate "C" < (greatest($2::date, $3::date) - $4::integer)::text) crossing
      cross join lateral (select id, partner from syncline.match_assignment_${model} a
              where a.model = $1 and a.side = crossing.side and a.id = crossing.id offset 0) a
     on conflict do nothing`,
    [model, before, asOf, plan.activity.days],
  )
}
