import type { Side } from './key-table.ts'
import type { Pair } from './matches.ts'
import type { Session } from './session.ts'

/** A record of either side. */
export interface SideId {
  readonly side: Side
  readonly id: string
}

/** A pair that a record could be in, and what both its ends are in now. All numbers as Postgres prints them. */
export interface PairOption {
  /** The place of the record among those asked for, from 0. */
  readonly place: number
  readonly partner: string
  readonly score: number
  readonly partnerHeld: { readonly id: string; readonly score: number } | null
  readonly held: { readonly id: string; readonly score: number } | null
}

/**
 * What a transaction notes about matches, in temporary tables that are empty at its end: `dirty_record`, records of which
 * pairs changed; `touched_left`, the left records of matches that changed or whose values did.
 */
export async function prepareAssignments(session: Session): Promise<void> {
  if (session.prepared.has('dirty_record')) return
  await session.query(
    `create temporary table if not exists dirty_record (
       model integer, side "char", id text collate "C", n bigint generated always as identity,
       primary key (model, side, id));
     create temporary table if not exists touched_left (
       model integer, id text collate "C", primary key (model, id))`,
  )
  session.prepared.set('dirty_record', '')
}

/** Notes records whose pairs changed. */
export function noteDirty(session: Session, model: number, side: Side, ids: readonly string[]): void {
  if (ids.length === 0) return
  session.background(
    session.query(
      `insert into dirty_record (model, side, id) select $1, $2, id from unnest($3::text[]) as dirty(id)
       on conflict do nothing`,
      [model, side, ids],
    ),
  )
}

/** With whom left records are matched; those that are free are not among them. */
export async function readPartners(
  session: Session,
  model: number,
  lefts: readonly string[],
): Promise<Map<string, string>> {
  const rows = await session.query(
    `select id, partner from syncline.match_assignment_${model} where model = $1 and side = 'l' and id = any($2)`,
    [model, lefts],
  )
  return new Map(rows.map(([id, partner]) => [id ?? '', partner ?? '']))
}

/** The noted dirty records of one version, in pieces. */
export async function* eachDirty(
  session: Session,
  model: number,
  limit: number,
): AsyncGenerator<readonly SideId[]> {
  let last = 0
  for (;;) {
    const rows = await session.query(
      'select side, id, n from dirty_record where model = $1 and n > $2 order by n limit $3',
      [model, last, limit],
    )
    if (rows.length > 0) yield rows.map(([side, id]) => ({ side: side === 'l' ? 'l' : 'r', id: id ?? '' }))
    if (rows.length < limit) return
    last = Number(rows.at(-1)?.[2])
  }
}

/**
 * Ends matches whose pair is gone or scores below the threshold, and corrects the scores of the others, for records
 * noted in `dirty_record`. The other ends are noted there too.
 */
export function breakStale(session: Session, model: number, threshold: number): void {
  session.background(
    session.query(
      `with stale as materialized (
       select a.side, a.id, a.partner, p.score
         from dirty_record c
        cross join lateral (select side, id, partner, score from syncline.match_assignment_${model} a
                 where a.model = $1 and a.side = c.side and a.id = c.id offset 0) a
         left join lateral (select score from syncline.match_pair_${model} p
                 where p.model = $1 and p.side = a.side and p.id = a.id and p.partner = a.partner offset 0) p on true
        where c.model = $1 and (p.score is null or p.score < $2 or p.score <> a.score)),
     pair as materialized (
       select distinct case side when 'l' then id else partner end as l,
              case side when 'l' then partner else id end as r, score from stale),
     matched as materialized (
       select a.ctid, a.side, a.id, pair.score from pair
        cross join lateral (select ctid, side, id from syncline.match_assignment_${model} a
                where a.model = $1 and a.side = 'l' and a.id = pair.l
                union all select ctid, side, id from syncline.match_assignment_${model} a
                where a.model = $1 and a.side = 'r' and a.id = pair.r offset 0) a),
     ended as (
       delete from syncline.match_assignment_${model}
        where ctid = any(array(select ctid from matched where score is null or score < $2))),
     rescored as (
       update syncline.match_assignment_${model} a set score = matched.score from matched
        where a.ctid = any(array(select ctid from matched where score >= $2))
          and a.side = matched.side and a.id = matched.id),
     touched as (
       insert into touched_left (model, id) select $1, l from pair on conflict do nothing)
     insert into dirty_record (model, side, id)
     select $1, 'l'::"char", l from pair union all select $1, 'r', r from pair on conflict do nothing`,
      [model, threshold],
    ),
  )
}

/**
 * The best pairs at or above the threshold that both ends prefer to what they have, for each record, best first and at
 * most `limit` each. Look-ups are made one by one by key, whatever the planner thinks of the tables.
 */
export async function readOptions(
  session: Session,
  { model, threshold, limit }: { model: number; threshold: number; limit: number },
  records: readonly SideId[],
): Promise<PairOption[]> {
  const held = (side: string, id: string): string =>
    `select partner, score from syncline.match_assignment_${model} a
      where a.model = $1 and a.side = ${side} and a.id = ${id} offset 0`
  const rows = await session.query(
    `select d.place - 1, o.partner, o.score, o.their_partner, o.their_score, own.partner, own.score
       from unnest($3::text[]::"char"[], $4::text[]) with ordinality as d(side, id, place)
       left join lateral (${held('d.side', 'd.id')}) own on true
      cross join lateral (
        select p.partner, p.score, their.partner as their_partner, their.score as their_score
          from (select partner, score from syncline.match_pair_${model} p
                 where p.model = $1 and p.side = d.side and p.id = d.id and p.score >= $2
                   and (own.score is null or p.score > own.score
                        or (p.score = own.score and p.partner < own.partner)) offset 0) p
          left join lateral (${held(`case d.side when 'l' then 'r'::"char" else 'l' end`, 'p.partner')}) their on true
         where their.score is null or p.score > their.score or (p.score = their.score and d.id < their.partner)
         order by p.score desc, p.partner limit $5) o
      order by d.place, o.score desc, o.partner`,
    [model, threshold, records.map(({ side }) => side), records.map(({ id }) => id), limit],
  )
  const end = (id: string | null | undefined, score: string | null | undefined): PairOption['held'] =>
    id == null ? null : { id, score: Number(score) }
  return rows.map(([place, partner, score, theirId, theirScore, ownId, ownScore]) => ({
    place: Number(place),
    partner: partner ?? '',
    score: Number(score),
    partnerHeld: end(theirId, theirScore),
    held: end(ownId, ownScore),
  }))
}

/** Writes what a wave decided, both sides of each match, and notes the left records. */
export function writeAssignments(
  session: Session,
  model: number,
  { assigned, freed }: { assigned: readonly Pair[]; freed: readonly SideId[] },
): void {
  if (freed.length > 0) {
    session.background(
      session.query(
        `with gone as (
           delete from syncline.match_assignment_${model} a
            using unnest($2::text[]::"char"[], $3::text[]) as freed(side, id)
            where a.model = $1 and a.side = freed.side and a.id = freed.id
           returning a.side, a.id, a.partner)
         insert into touched_left (model, id)
         select $1, case side when 'l' then id else partner end from gone on conflict do nothing`,
        [model, freed.map(({ side }) => side), freed.map(({ id }) => id)],
      ),
    )
  }
  if (assigned.length === 0) return
  session.background(
    session.query(
      `with pair as materialized (
         select * from unnest($2::text[], $3::text[], $4::integer[]) as pair(l, r, score)),
       touched as (insert into touched_left (model, id) select $1, l from pair on conflict do nothing)
       insert into syncline.match_assignment_${model} (model, side, id, partner, score)
       select $1, 'l'::"char", l, r, score from pair union all select $1, 'r', r, l, score from pair
       on conflict (model, side, id) do update
         set partner = excluded.partner, score = excluded.score, matched_at = excluded.matched_at`,
      [
        model,
        assigned.map(({ left }) => left),
        assigned.map(({ right }) => right),
        assigned.map(({ score }) => score),
      ],
    ),
  )
}
