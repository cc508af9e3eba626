-- Matched people who are active on one platform and no longer on the other.
create or replace view churn_watch as
select case when m.internal_active then 'vendor' else 'internal' end as lost_by,
       m.internal_id,
       m.vendor_id,
       coalesce(m.internal_first_name, m.vendor_first_name) as first_name,
       coalesce(m.internal_last_name, m.vendor_last_name) as last_name,
       m.specialty,
       m.location,
       m.internal_classification,
       m.vendor_classification,
       m.internal_platform,
       m.internal_last_active_date,
       m.vendor_last_active_date,
       today.as_of - m.internal_last_active_date as days_since_internal,
       today.as_of - m.vendor_last_active_date as days_since_vendor,
       today.as_of - least(m.internal_last_active_date, m.vendor_last_active_date) as days_inactive,
       m.match_probability
  from user_match m
 cross join as_of today
 where m.internal_active <> m.vendor_active;

comment on view churn_watch is
  'People on both platforms who are active on one and not on the other: those we may be losing to the vendor, and those the vendor may be losing to us. People without a date on either platform are not listed: their activity is unknown.';
comment on column churn_watch.lost_by is
  'The platform on which the person is no longer active: internal (still active at the vendor) or vendor (still active with us).';
comment on column churn_watch.internal_id is 'The user''s id on the internal platform.';
comment on column churn_watch.vendor_id is 'The user''s id at the vendor.';
comment on column churn_watch.first_name is
  'Given name as the internal platform has it, else as the vendor has it.';
comment on column churn_watch.last_name is
  'Surname as the internal platform has it, else as the vendor has it.';
comment on column churn_watch.specialty is 'Medical specialty.';
comment on column churn_watch.location is 'Town of the practice.';
comment on column churn_watch.internal_classification is 'How the internal platform classes the user.';
comment on column churn_watch.vendor_classification is 'How the vendor classes the user.';
comment on column churn_watch.internal_platform is 'Where the user registered with us: mobile or website.';
comment on column churn_watch.internal_last_active_date is
  'The day the user was last active on the internal platform.';
comment on column churn_watch.vendor_last_active_date is
  'The day the user was last active at the vendor.';
comment on column churn_watch.days_since_internal is
  'Days from the last activity on the internal platform to as_of; negative for a date in the future.';
comment on column churn_watch.days_since_vendor is
  'Days from the last activity at the vendor to as_of; negative for a date in the future.';
comment on column churn_watch.days_inactive is
  'Days since the last activity on the platform that lost the person: always more than 30.';
comment on column churn_watch.match_probability is
  'The probability that the two accounts belong to one person.';
