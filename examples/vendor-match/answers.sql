-- What the product manager asked, as queries to run in the warehouse schema.

-- 1. Both user bases and their activity, person by person.
select * from user_activity order by internal_id, vendor_id limit 100;

-- 2. The health of both businesses: users, how many are active, and of how many we do not know.
select 'internal' as platform,
       count(*) as users,
       count(*) filter (where internal_active) as active,
       round(avg(internal_active::int), 4) as active_share,
       count(*) filter (where internal_active is null) as unknown
  from user_activity
 where internal_id is not null
 union all
select 'vendor',
       count(*),
       count(*) filter (where vendor_active),
       round(avg(vendor_active::int), 4),
       count(*) filter (where vendor_active is null)
  from user_activity
 where vendor_id is not null;

-- 3. How large the overlap is.
select presence, count(*) as people, count(*) filter (where active_anywhere) as active
  from user_activity
 group by presence
 order by presence;

-- 4. Whether activity on one platform goes with activity on the other, overall and where most.
select * from platform_overlap where level = 'overall';
select specialty, people, phi from platform_overlap where level = 'specialty' order by phi desc nulls last;
select location, people, phi from platform_overlap where level = 'location' order by phi desc nulls last limit 10;

-- 5. Whom we may be losing, the longest absent first; and how many on either side.
select lost_by, count(*) as people from churn_watch group by lost_by order by lost_by;
select * from churn_watch where lost_by = 'internal' order by days_inactive desc, internal_id limit 20;
