-- A joined row that changes while its records are re-matched has that pass go on to its end, and then one more: begun anew
-- each time, it would never end where changes are faster than passes.
alter table syncline.match_fan_out add column again bigint;
comment on column syncline.match_fan_out.cause is 'Why, see match_cause; of the pass that is under way.';
comment on column syncline.match_fan_out.again is
  'Why one more pass follows, see match_cause: the joined row changed after this one began. Null: none does.';
