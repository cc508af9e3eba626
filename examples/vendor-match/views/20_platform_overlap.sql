-- The 2x2 table of activity among matched people: overall, by specialty and by location.
create or replace view platform_overlap as
with cells as (
  select case
           when grouping(specialty, location) = 3 then 'overall'
           when grouping(specialty) = 0 then 'specialty'
           else 'location'
         end as level,
         specialty,
         location,
         count(*) as people,
         count(*) filter (where internal_active and vendor_active) as both_active,
         count(*) filter (where internal_active and not vendor_active) as only_internal_active,
         count(*) filter (where not internal_active and vendor_active) as only_vendor_active,
         count(*) filter (where not internal_active and not vendor_active) as neither_active,
         count(*) filter (where internal_active is null or vendor_active is null) as unknown
    from user_match
   group by grouping sets ((), (specialty), (location))
), totals as (
  select *,
         nullif(people - unknown, 0)::numeric as known,
         both_active + only_internal_active as internal_active,
         both_active + only_vendor_active as vendor_active
    from cells
)
select level,
       specialty,
       location,
       people,
       both_active,
       only_internal_active,
       only_vendor_active,
       neither_active,
       unknown,
       round(both_active / known, 4) as both_active_share,
       round(only_internal_active / known, 4) as only_internal_active_share,
       round(only_vendor_active / known, 4) as only_vendor_active_share,
       round(neither_active / known, 4) as neither_active_share,
       round(internal_active / known, 4) as internal_active_share,
       round(vendor_active / known, 4) as vendor_active_share,
       round(
         (both_active::numeric * neither_active - only_internal_active::numeric * only_vendor_active)
         / nullif(
             sqrt(internal_active * (known - internal_active) * vendor_active * (known - vendor_active)),
             0),
         4) as phi
  from totals;

comment on view platform_overlap is
  'How activity on the two platforms goes together among people who use both: for all of them, for each specialty and for each location. Choose one level; the levels count the same people.';
comment on column platform_overlap.level is
  'What the row is about: overall, specialty or location.';
comment on column platform_overlap.specialty is
  'The specialty, on rows of that level; null there means that no specialty is known.';
comment on column platform_overlap.location is
  'The location, on rows of that level; null there means that no location is known.';
comment on column platform_overlap.people is
  'People found on both platforms.';
comment on column platform_overlap.both_active is
  'Of these, how many are active on both platforms.';
comment on column platform_overlap.only_internal_active is
  'How many are active on the internal platform and not at the vendor.';
comment on column platform_overlap.only_vendor_active is
  'How many are active at the vendor and not on the internal platform.';
comment on column platform_overlap.neither_active is
  'How many are active on neither.';
comment on column platform_overlap.unknown is
  'How many have no date on at least one platform; they are left out of the four counts, the shares and phi.';
comment on column platform_overlap.both_active_share is
  'both_active as a share of the people whose activity is known, 0 to 1. Null: none is known.';
comment on column platform_overlap.only_internal_active_share is
  'only_internal_active as a share of the people whose activity is known.';
comment on column platform_overlap.only_vendor_active_share is
  'only_vendor_active as a share of the people whose activity is known.';
comment on column platform_overlap.neither_active_share is
  'neither_active as a share of the people whose activity is known.';
comment on column platform_overlap.internal_active_share is
  'The share that is active on the internal platform, whatever they do at the vendor.';
comment on column platform_overlap.vendor_active_share is
  'The share that is active at the vendor, whatever they do on the internal platform.';
comment on column platform_overlap.phi is
  'Correlation of the two activities: 1 = the same people are active on both, 0 = unrelated, -1 = active on one means not active on the other. Null when everybody, or nobody, is active on one of them.';
