-- Blocking keys: within one side of a version key and id say it all. An index of the whole table would name version and
-- side in every entry: a fifth more to write and to read. So each partition has its own, and a version that is loading none.

-- Whoever works with an older release meanwhile waits, or is waited for.
lock table syncline.match_key;

do $$
declare
  indexed text[] := array(
    select c.relname from pg_class c
     where c.relnamespace = 'syncline'::regnamespace and c.relname ~ '^match_key_\d+_[lr]$'
       and exists (select from pg_index i where i.indrelid = c.oid)
     order by 1);
  side text;
begin
  alter table syncline.match_key drop constraint match_key_pkey;
  foreach side in array indexed loop
    -- Of a version that was never published it is a constraint of its own.
    execute format('alter table syncline.%I drop constraint if exists %I', side, side || '_pkey');
    execute format('create unique index %I on syncline.%I (key, id)', side || '_key', side);
    execute format('alter table syncline.%I replica identity using index %I', side, side || '_key');
  end loop;
end $$;
