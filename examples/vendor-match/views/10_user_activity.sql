-- Everybody of both platforms, once: matched people in one row, all others by themselves.
-- The 30 days stand here and in syncline.yaml (activity.days): change both.
create or replace view user_activity as
select case
         when v.id is null then 'internal only'
         when u.id is null then 'vendor only'
         else 'both'
       end as presence,
       u.id as internal_id,
       v.id as vendor_id,
       coalesce(u.firstname, v.firstname) as first_name,
       coalesce(u.lastname, v.lastname) as last_name,
       coalesce(u.specialty, v.specialty) as specialty,
       coalesce(p.location, replace(v.practice_location, '_', ' ')) as location,
       u.classification as internal_classification,
       v.user_type_classification as vendor_classification,
       u.platform_registered_on as internal_platform,
       u.last_active_date as internal_last_active_date,
       v.last_active_date as vendor_last_active_date,
       u.last_active_date >= today.as_of - 30 as internal_active,
       v.last_active_date >= today.as_of - 30 as vendor_active,
       greatest(u.last_active_date, v.last_active_date) as last_active_date,
       -- greatest() passes over a missing date, so one known recent day is enough; none known stays unknown.
       greatest(u.last_active_date, v.last_active_date) >= today.as_of - 30 as active_anywhere,
       m.match_probability,
       today.as_of
  from (internal_user u
        left join internal_practice p on p.id = u.practice_id
        left join user_match m on m.internal_id = u.id)
  full join vendor_user v on v.id = m.vendor_id
 cross join as_of today;

comment on view user_activity is
  'Everybody who uses either platform, one row a person: people found on both are one row. Active means seen within the 30 days before as_of, the 30th day included.';
comment on column user_activity.presence is
  'Where the person is known: both, internal only, or vendor only.';
comment on column user_activity.internal_id is
  'The user''s id on the internal platform; null for people known to the vendor only.';
comment on column user_activity.vendor_id is
  'The user''s id at the vendor; null for people known to the internal platform only.';
comment on column user_activity.first_name is
  'Given name as the internal platform has it, else as the vendor has it.';
comment on column user_activity.last_name is
  'Surname as the internal platform has it, else as the vendor has it.';
comment on column user_activity.specialty is
  'Medical specialty as the internal platform has it, else as the vendor has it.';
comment on column user_activity.location is
  'Town of the practice as the internal platform has it, else as the vendor has it (with spaces for underscores).';
comment on column user_activity.internal_classification is
  'How the internal platform classes the user; not comparable with the vendor''s classes.';
comment on column user_activity.vendor_classification is
  'How the vendor classes the user; not comparable with the internal classes.';
comment on column user_activity.internal_platform is
  'Where the user registered with us: mobile or website.';
comment on column user_activity.internal_last_active_date is
  'The day the user was last active on the internal platform; null if unknown or not a user there.';
comment on column user_activity.vendor_last_active_date is
  'The day the user was last active at the vendor; null if unknown or not a user there.';
comment on column user_activity.internal_active is
  'Active on the internal platform. Null: no date known, or not a user there. A date in the future counts as active.';
comment on column user_activity.vendor_active is
  'Active at the vendor. Null: no date known, or not a user there. A date in the future counts as active.';
comment on column user_activity.last_active_date is
  'The later of both last active days.';
comment on column user_activity.active_anywhere is
  'Active on at least one of the platforms. Null: no date known on either. A platform without a date counts as not active if the other one has a date.';
comment on column user_activity.match_probability is
  'For people on both platforms: the probability that the two accounts belong to one person.';
comment on column user_activity.as_of is
  'The day that counts as today.';
