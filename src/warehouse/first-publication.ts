import { causeColumns } from '../state/causes.ts'
import { identifier, qualified } from '../state/identifiers.ts'
import { recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import type { SidePlan } from './match-plan.ts'
import { activeSql, matchedColumns, prefixedKey } from './matched-columns.ts'
import type { Publication } from './publication.ts'

/**
 * Fills the matched table, the feed and the history of a match of which nothing was ever shown: every row is new, so none
 * is looked for or compared. The same rows as `publishAll` would write. Needs an open transaction. `key` gives the filled
 * table its keys.
 */
export async function publishFirst(
  session: Session,
  publication: Publication,
  key: () => Promise<void>,
): Promise<void> {
  await fillTable(session, publication)
  await key()
  await beginFeed(session, publication)
  await beginHistory(session, publication)
}

/** In the order of the keys of feed and history, which read it as it is: indexes that only grow at their end cost half. */
async function fillTable(
  session: Session,
  { schema, match: { plan, model }, mirrors }: Publication,
): Promise<void> {
  const columns = matchedColumns(plan, mirrors)
  // Most records are matched: looked up one by one by their index they take three times as long as a look at all of them.
  await session.query('set local enable_nestloop = off')
  await session.query(
    `insert into ${qualified(schema, plan.name)} (${columns.map(({ name }) => identifier(name)).join(', ')})
     select ${columns.map(({ expression, type }) => `(${expression})::${type}`).join(', ')}
       from syncline.match_assignment_${model} a
       join syncline.match_record_${model} l on l.model = $1 and l.side = 'l' and l.id = a.id
       join syncline.match_record_${model} r on r.model = $1 and r.side = 'r' and r.id = a.partner
      cross join (select as_of from ${qualified(schema, 'as_of')}) c
      where a.model = $1 and a.side = 'l'
      order by a.id`,
    [model],
  )
  await session.query('set local enable_nestloop to default')
}

async function beginFeed(
  session: Session,
  { schema, match: { plan }, mirrors, cause }: Publication,
): Promise<void> {
  await session.query(
    `with number as (
       insert into syncline.match_feed as feed (match, last_change)
       select $1, 1 where exists (select from ${qualified(schema, plan.name)})
       on conflict (match) do update set last_change = feed.last_change + 1 returning last_change)
     insert into syncline.match_change
       (match, change, left_id, kind, before, after, cause, source, position, source_time)
     select $1, number.last_change, ${shownId(plan.left, mirrors)}, 'matched', null, to_jsonb(t), $2, $3, $4, $5::timestamptz
       from ${qualified(schema, plan.name)} t, number`,
    [plan.name, ...causeColumns(cause)],
  )
}

async function beginHistory(
  session: Session,
  { schema, match: { plan }, mirrors }: Publication,
): Promise<void> {
  const [leftActive, rightActive] = [plan.left, plan.right].map((side) => activeSql(plan, side, mirrors))
  await session.query(
    `insert into syncline.match_history (match, left_id, valid_from, right_id, left_active, right_active, as_of)
     select $1, ${shownId(plan.left, mirrors)}, now(), ${shownId(plan.right, mirrors)}, ${leftActive}, ${rightActive}, c.as_of
       from ${qualified(schema, plan.name)} t cross join (select as_of from ${qualified(schema, 'as_of')}) c`,
    [plan.name],
  )
}

const shownId = (side: SidePlan, mirrors: Publication['mirrors']): string =>
  recordIdSql(
    't',
    prefixedKey(side, mirrors).map(({ name }) => name),
  )
