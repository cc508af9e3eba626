-- By which blocking passes two records share a key: a key begins with the number of its pass in 5 of its 53 bits.

create or replace function syncline.explain(match text, left_id text, right_id text default null)
returns table (aspect text, side text, id text, partner text, bits numeric, detail text)
language sql stable
set search_path = pg_catalog
as $$
  with version as (
    select m.model, (m.definition ->> 'threshold')::integer as threshold, (m.definition ->> 'floor')::integer as floor,
           m.definition -> 'passes' as passes,
           array(select jsonb_array_elements_text(m.definition -> 'fields')) as fields
      from syncline.model m where m.match = $1 and m.state = 'published'),
  asked as (
    select v.*, coalesce($3, (
      select p.partner from syncline.match_pair p
        left join syncline.match_assignment a on a.model = v.model and a.side = 'l' and a.id = $2 and a.partner = p.partner
       where p.model = v.model and p.side = 'l' and p.id = $2
       order by a.id is null, p.score desc, p.partner limit 1)) as partner
      from version v),
  record as (
    select v.model, r.side, r.id, f.name, f.value, f.place
      from asked v
      join syncline.match_record r on r.model = v.model
       and ((r.side = 'l' and r.id = $2) or (r.side = 'r' and r.id = v.partner))
     cross join lateral unnest(v.fields, r.fields) with ordinality as f(name, value, place)),
  summand as (
    select p.id, p.partner, s.place, s.parts ->> 0 as field, s.parts ->> 1 as level,
           (s.parts ->> 2)::integer as weight, (s.parts ->> 3)::integer as term_frequency
      from asked v
      join syncline.match_pair p on p.model = v.model and p.side = 'l' and p.id = $2 and p.partner = v.partner
     cross join lateral json_array_elements(p.summands) with ordinality as s(parts, place)),
  -- Of one record every key is looked at, since keys have no index by record; those of the other one are looked up.
  shared as (
    select distinct v.partner, (l.key >> 48)::integer as pass, v.passes ->> (l.key >> 48)::integer as name
      from asked v
      join syncline.match_key l on l.model = v.model and l.side = 'l' and l.id = $2
      join syncline.match_key r on r.model = v.model and r.side = 'r' and r.id = v.partner and r.key = l.key
     where v.passes is not null),
  pair as (
    select p.side, p.id, p.partner, p.score, a.partner is not distinct from p.partner as is_match,
           t.partner as held, t.score as held_score
      from asked v
      join syncline.match_pair p on p.model = v.model
       and ((p.side = 'l' and p.id = $2) or (p.side = 'r' and p.id = v.partner))
      left join syncline.match_assignment a on a.model = v.model and a.side = p.side and a.id = p.id
      left join syncline.match_assignment t on t.model = v.model and t.side <> p.side and t.id = p.partner)
  select aspect, side, id, partner, bits, detail from (
    select 1 as part, 0::bigint as place, 'model' as aspect, null as side, null as id, null as partner,
           null::numeric as bits, model::text as detail from asked
    union all select 2, 0, 'threshold', null, null, null, threshold / 1000.0, 'pairs at or above it may be matched' from asked
    union all select 3, 0, 'review', null, null, null, floor / 1000.0, 'pairs below it are not kept' from asked
    union all select 4, r.place, 'field ' || r.name, case r.side when 'l' then 'left' else 'right' end, r.id, null, null, r.value
                from record r
    union all select 6, s.place, 'weight ' || coalesce(s.field, s.level), null, s.id, s.partner, s.weight / 1000.0,
                     coalesce(nullif(s.level, 'prior') || ', ', '')
                       || case when s.term_frequency <> 0
                               then round(s.term_frequency / 1000.0, 3) || ' of it for how rare the values are, ' else '' end
                       || 'sum ' || round(sum(s.weight) over (order by s.place) / 1000.0, 3)
                from summand s
    union all select 5, s.pass, 'shared key', null, $2, s.partner, null, s.name from shared s
    union all select 7, 0, 'decision', null, d.left_id, d.right_id, null,
                     d.verdict || ' by ' || d.decided_by || coalesce(': ' || d.reason, '')
                from syncline.match_decision d, asked v
               where d.match = $1 and d.undone_at is null and (d.left_id = $2 or d.right_id = v.partner)
    union all select 8, -p.score, case when p.is_match then 'match' when p.score < v.threshold then 'below threshold' else 'rival' end,
                     case p.side when 'l' then 'left' else 'right' end, p.id, p.partner, p.score / 1000.0,
                     case when p.is_match then 'they are matched' when p.held is null then 'the other one is free'
                          else 'the other one is matched with ' || p.held || ' at ' || round(p.held_score / 1000.0, 3) end
                from pair p, asked v
    union all select 9, 0, 'source ' || s.source, null, null, null, null, s.position from syncline.source s) line
  order by part, place, side, partner
$$;
comment on function syncline.explain(text, text, text) is
  'What is known of a left record and a right one (or its match, or its best pair) in a match: fields, the blocking passes by which they share a key, what each brings to the score, stored pairs with their bits, rivals, decisions, source positions.';

comment on column syncline.match_key.key is
  'Its upper 5 of 53 bits: the blocking pass, from 0; the others: hash of the values that the pass takes together.';

comment on table syncline.match_fan_out is
  'Joined rows of which so many records take fields, and sides with so many records, that these are re-matched in bounded pieces.';
comment on column syncline.match_fan_out.place is 'Which join of that side, counted from 0 as configured; -1: every record of the side.';
comment on column syncline.match_fan_out.key is 'The key of the joined row; empty for every record.';
