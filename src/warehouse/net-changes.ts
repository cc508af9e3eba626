import { causeColumns } from '../state/causes.ts'
import { identifier, qualified } from '../state/identifiers.ts'
import { hasRecordIdSql, recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { emptyTables } from '../state/temporary-tables.ts'
import { publishFirst } from './first-publication.ts'
import { writeHistory } from './match-history.ts'
import { activeSql, matchedColumns, prefixedKey } from './matched-columns.ts'
import type { Publication } from './publication.ts'
import { readPrimaryKey } from './table-ddl.ts'
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
      `insert into match_before (id, row, right_id, left_active, right_active)
       select touched.id, t.* from touched_left touched
        cross join lateral (
          select to_jsonb(t), ${heldSql(publication)} from ${qualified(schema, match.plan.name)} t
           where ${isTouched} offset 0) t
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
  { reshape, key }: { reshape: () => Promise<void>; key: () => Promise<void> },
): Promise<void> {
  const { match } = publication
  const wasShown = await captureAll(session, publication)
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
  if (madeAnew) {
    session.background(session.query(keepMatchedAtSql(publication, { table, isTouched }), [model]))
    session.background(session.query(keepUpdatedAtSql(table, isTouched), [model]))
  }
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
       id text collate "C" primary key, row jsonb not null,
       right_id text collate "C", left_active boolean, right_active boolean);
     create temporary table if not exists net_change (
       left_id text collate "C" primary key, kind text not null, before jsonb, after jsonb,
       right_id text collate "C", left_active boolean, right_active boolean, as_of date not null,
       moved boolean not null)`,
  )
  session.prepared.set('net_change', '')
}

/**
 * Keeps what the table showed so far, whatever its columns were called: its key tells which record a row is of, the
 * history who was its partner and who was active. Where the history has a record that the table has not, because somebody
 * deleted the row or dropped the table, the row before is an empty object. Returns whether there are any, or ever were.
 */
async function captureAll(session: Session, { schema, match: { plan } }: Publication): Promise<boolean> {
  const table = qualified(schema, plan.name)
  const key = await readPrimaryKey(session, table)
  const shown =
    key.length > 0
      ? `select (${recordIdSql('t', key)}) collate "C", to_jsonb(t) from ${table} t`
      : `select ''::text collate "C", '{}'::jsonb where false`
  await session.query(
    `insert into match_before (id, row, right_id, left_active, right_active)
     with shown (id, row) as (${shown}),
          held as (select distinct on (left_id) * from syncline.match_history
                    where match = $1 and valid_to is null order by left_id, valid_from desc)
     select coalesce(shown.id, held.left_id), coalesce(shown.row, '{}'),
            held.right_id, held.left_active, held.right_active
       from shown full join held on held.left_id = shown.id`,
    [plan.name],
  )
  const [wasShown] = await session.one(
    `select exists (select from match_before) or exists (select from syncline.match_history where match = $1)`,
    [plan.name],
  )
  return wasShown === 't'
}

/** What the history holds of the row `t` of the matched table: the partner, and whether each side is active. */
function heldSql({ match: { plan }, mirrors }: Publication): string {
  const rightNames = prefixedKey(plan.right, mirrors).map(({ name }) => name)
  const active = [plan.left, plan.right].map((side) => activeSql(plan, side, mirrors))
  return [recordIdSql('t', rightNames), ...active].join(', ')
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

/** Whom a table that was made anew shows with the same partner as before was matched when it said so. */
function keepMatchedAtSql(
  { match: { plan }, mirrors }: Publication,
  { table, isTouched }: { table: string; isTouched: string },
): string {
  const rightNames = prefixedKey(plan.right, mirrors).map(({ name }) => name)
  return `update ${table} t set matched_at = (b.row ->> 'matched_at')::timestamptz
      from touched_left touched join match_before b on b.id = touched.id
     where touched.model = $1 and ${isTouched}
       and ${recordIdSql('t', rightNames)} = b.right_id
       and t.matched_at <> (b.row ->> 'matched_at')::timestamptz`
}

/** Rows of a table that was made anew, as they were before, are not updated. */
function keepUpdatedAtSql(table: string, isTouched: string): string {
  return `update ${table} t set updated_at = (b.row ->> 'updated_at')::timestamptz
      from touched_left touched join match_before b on b.id = touched.id
     where touched.model = $1 and ${isTouched} and to_jsonb(t) - 'updated_at' = b.row - 'updated_at'
       and t.updated_at <> (b.row ->> 'updated_at')::timestamptz`
}

/** Fills `net_change`: the rows that differ but for the time of their update. */
function netChangesSql(
  publication: Publication,
  { table, isTouched }: { table: string; isTouched: string },
): string {
  return `insert into net_change (left_id, kind, before, after, right_id, left_active, right_active, as_of, moved)
    select touched.id,
           case when b.row is null then 'matched' when t.after is null then 'unmatched'
                when b.right_id is distinct from t.right_id then 're-matched' else 'attributes' end,
           b.row, t.after, t.right_id, t.left_active, t.right_active, c.as_of,
           b.row is null or (b.right_id, b.left_active, b.right_active)
             is distinct from (t.right_id, t.left_active, t.right_active)
      from touched_left touched
     cross join (select as_of from ${qualified(publication.schema, 'as_of')}) c
      left join match_before b on b.id = touched.id
      left join lateral (
        select to_jsonb(t), ${heldSql(publication)} from ${table} t where ${isTouched} offset 0)
          t (after, right_id, left_active, right_active) on true
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
