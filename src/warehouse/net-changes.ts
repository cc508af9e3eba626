import { causeColumns } from '../state/causes.ts'
import { identifier, literal, qualified } from '../state/identifiers.ts'
import { hasRecordIdSql, recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { emptyTables } from '../state/temporary-tables.ts'
import { publishFirst } from './first-publication.ts'
import { writeHistory } from './match-history.ts'
import type { SidePlan } from './match-plan.ts'
import { activeSql, matchedColumns, prefixedKey } from './matched-columns.ts'
import type { Publication } from './publication.ts'
import { readColumnTypes } from './table-ddl.ts'
import { comparable } from './write-rows.ts'

/**
 * Makes the matched table show the stored assignment where `touched_left` says that it may differ, writing only rows
 * that do, and appends these net changes to the feed and the history. What is compared is the table itself before and
 * after: what flips forth and back within a commit is no change. Needs an open transaction, and `prepareNetChanges`.
 */
export async function publishTouched(session: Session, publication: Publication): Promise<void> {
  const { schema, match, mirrors } = publication
  const isTouched = hasRecordIdSql('t', prefixedKey(match.plan.left, mirrors), 'touched.id')
  session.background(
    session.query(
      `insert into match_before (id, row)
       select touched.id, t.row from touched_left touched
        cross join lateral (
          select to_jsonb(t) as row from ${qualified(schema, match.plan.name)} t where ${isTouched} offset 0) t
        where touched.model = $1`,
      [match.model],
    ),
  )
  await writeNetChanges(session, publication)
}

/** The same for all records, whatever is noted, while `reshape` may drop the table and create it anew; `key` gives it its keys. */
export async function publishAll(
  session: Session,
  publication: Publication,
  { exists, reshape, key }: { exists: boolean; reshape: () => Promise<void>; key: () => Promise<void> },
): Promise<void> {
  const { match } = publication
  const wasShown = await captureAll(session, publication, exists)
  await reshape()
  if (!wasShown) {
    await publishFirst(session, publication, key)
    return
  }
  await key()
  await session.query(
    `insert into touched_left (model, id)
     select $1, id from syncline.match_assignment_${match.model} where model = $1 and side = 'l'
      union select $1, id from match_before on conflict do nothing`,
    [match.model],
  )
  await session.query('analyze touched_left, match_before')
  await writeNetChanges(session, publication, { madeAnew: true })
  await emptyTables(session, ['touched_left'], Infinity)
}

async function writeNetChanges(
  session: Session,
  publication: Publication,
  { madeAnew = false } = {},
): Promise<void> {
  const { schema, match, mirrors } = publication
  const { plan, model } = match
  const table = qualified(schema, plan.name)
  const leftKey = prefixedKey(plan.left, mirrors)
  const rightKey = prefixedKey(plan.right, mirrors)
  const isTouched = hasRecordIdSql('t', leftKey, 'touched.id')
  session.background(
    session.query(
      // By key and place, whatever the planner thinks of temporary tables: it would read the whole table.
      `delete from ${table} where ctid = any(array(
         select t.ctid from touched_left touched
          cross join lateral (
            select t.ctid from ${table} t where ${isTouched} and not exists (
              select from syncline.match_assignment_${model} a
               where a.model = $1 and a.side = 'l' and a.id = touched.id
                 and ${hasRecordIdSql('t', rightKey, 'a.partner')}) offset 0) t
          where touched.model = $1))`,
      [model],
    ),
  )
  session.background(session.query(upsertSql(publication), [model]))
  if (madeAnew) session.background(session.query(keepTimesSql(table, isTouched), [model]))
  const changed = await session.execute(netChangesSql(publication, { table, isTouched }), [model])
  if (changed > 0) {
    session.background(appendToFeed(session, publication))
    writeHistory(session, publication)
  }
  // Another match may follow in this transaction.
  session.background(emptyTables(session, ['match_before', 'net_change'], 2 * changed))
}

/** The temporary tables of `publishTouched`, which empties them. */
export async function prepareNetChanges(session: Session): Promise<void> {
  if (session.prepared.has('net_change')) return
  await session.query(
    `create temporary table if not exists match_before (
       id text collate "C" primary key, row jsonb not null);
     create temporary table if not exists net_change (
       left_id text collate "C" primary key, kind text not null, before jsonb, after jsonb,
       right_id text collate "C", left_active boolean, right_active boolean, as_of date not null,
       moved boolean not null)`,
  )
  session.prepared.set('net_change', '')
}

/**
 * Keeps what the table showed so far. One that is gone, or has other key columns, is known by the history only: then
 * the rows before are empty objects. Returns whether there are any, or ever were.
 */
async function captureAll(
  session: Session,
  { schema, match: { plan }, mirrors }: Publication,
  exists: boolean,
): Promise<boolean> {
  const keys = [plan.left, plan.right].map((side) => prefixedKey(side, mirrors).map(({ name }) => name))
  const found = exists ? await readColumnTypes(session, schema, plan.name) : new Map<string, string>()
  const isReadable = keys.flat().every((name) => found.has(name))
  if (isReadable) {
    await session.query(
      `insert into match_before (id, row)
       select ${recordIdSql('t', keys[0] ?? [])}, to_jsonb(t) from ${qualified(schema, plan.name)} t`,
    )
  } else {
    await session.query(
      `insert into match_before (id, row)
       select left_id, '{}' from syncline.match_history where match = $1 and valid_to is null`,
      [plan.name],
    )
  }
  const [wasShown] = await session.one(
    `select exists (select from match_before) or exists (select from syncline.match_history where match = $1)`,
    [plan.name],
  )
  return wasShown === 't'
}

function upsertSql({ schema, match: { plan, model }, mirrors }: Publication): string {
  const columns = matchedColumns(plan, mirrors)
  const names = columns.map(({ name }) => identifier(name))
  const changing = columns.filter(({ key, name }) => key !== 'left' && name !== 'matched_at')
  const compared = changing.filter(({ name }) => name !== 'updated_at')
  const conflict = prefixedKey(plan.left, mirrors).map(({ name }) => identifier(name))
  return `insert into ${qualified(schema, plan.name)} as t (${names.join(', ')})
    select ${columns.map(({ expression, type }) => `(${expression})::${type}`).join(', ')}
      from touched_left touched
     cross join lateral (select * from syncline.match_assignment_${model} a
             where a.model = $1 and a.side = 'l' and a.id = touched.id offset 0) a
     cross join lateral (select * from syncline.match_record_${model} l
             where l.model = $1 and l.side = 'l' and l.id = a.id offset 0) l
     cross join lateral (select * from syncline.match_record_${model} r
             where r.model = $1 and r.side = 'r' and r.id = a.partner offset 0) r
     cross join (select as_of from ${qualified(schema, 'as_of')}) c
     where touched.model = $1
    on conflict (${conflict.join(', ')}) do update
      set ${changing.map(({ name }) => `${identifier(name)} = excluded.${identifier(name)}`).join(', ')}
    where (${compared.map((column) => comparable('t', column)).join(', ')})
       is distinct from (${compared.map((column) => comparable('excluded', column)).join(', ')})`
}

/** Rows of a table that was made anew, as they were before, are not updated. */
function keepTimesSql(table: string, isTouched: string): string {
  return `update ${table} t set updated_at = (b.row ->> 'updated_at')::timestamptz
      from touched_left touched join match_before b on b.id = touched.id
     where touched.model = $1 and ${isTouched} and to_jsonb(t) - 'updated_at' = b.row - 'updated_at'
       and t.updated_at <> (b.row ->> 'updated_at')::timestamptz`
}

/** Fills `net_change`: the rows that differ but for the time of their update. */
function netChangesSql(
  { schema, match: { plan }, mirrors }: Publication,
  { table, isTouched }: { table: string; isTouched: string },
): string {
  const rightNames = prefixedKey(plan.right, mirrors).map(({ name }) => name)
  const rightKey = (row: string): string =>
    `jsonb_build_array(${rightNames.map((name) => `${row} -> ${literal(name)}`).join(', ')})`
  const [leftActive, rightActive] = [plan.left, plan.right].map((side) => activeSql(plan, side, mirrors))
  const was = (side: SidePlan): string => `(b.row ->> ${literal(`${side.prefix}_active`)})::boolean`
  return `insert into net_change (left_id, kind, before, after, right_id, left_active, right_active, as_of, moved)
    select touched.id,
           case when b.row is null then 'matched' when t.after is null then 'unmatched'
                when ${rightKey('b.row')} <> ${rightKey('t.after')} then 're-matched' else 'attributes' end,
           b.row, t.after, t.right_id, t.left_active, t.right_active, c.as_of,
           b.row is null or t.after is null or ${rightKey('b.row')} <> ${rightKey('t.after')}
             or ${was(plan.left)} is distinct from t.left_active or ${was(plan.right)} is distinct from t.right_active
      from touched_left touched
     cross join (select as_of from ${qualified(schema, 'as_of')}) c
      left join match_before b on b.id = touched.id
      left join lateral (
        select to_jsonb(t) as after, ${recordIdSql('t', rightNames)} as right_id,
               ${leftActive} as left_active, ${rightActive} as right_active
          from ${table} t where ${isTouched} offset 0) t on true
     where touched.model = $1 and b.row - 'updated_at' is distinct from t.after - 'updated_at'`
}

async function appendToFeed(session: Session, { match: { plan }, cause }: Publication): Promise<void> {
  await session.query(
    `with number as (
       insert into syncline.match_feed as feed (match, last_change) values ($1, 1)
       on conflict (match) do update set last_change = feed.last_change + 1 returning last_change)
     insert into syncline.match_change
       (match, change, left_id, kind, before, after, cause, source, position, source_time)
     select $1, number.last_change, n.left_id, n.kind, n.before, n.after, $2, $3, $4, $5::timestamptz
       from net_change n, number`,
    [plan.name, ...causeColumns(cause)],
  )
}
