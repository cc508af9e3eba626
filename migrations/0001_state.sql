-- The state that every commit writes beside the warehouse rows.
-- Hot tables carry their hash-distribution column inside the primary key and use neither sequences nor
-- foreign keys, so that an outgrown Postgres can become a Citus cluster. What tells rows apart comes first in it: a
-- column that is the same in a whole partition would be compared at each step of every look-up and sort.

create table syncline.lease (
  only_row boolean primary key default true check (only_row),
  term bigint not null,
  holder text not null,
  acquired_at timestamptz not null default now()
);
comment on table syncline.lease is 'Who may write. Every commit ends by checking that its term is still the current one.';
comment on column syncline.lease.only_row is 'Keeps the table to one row.';
comment on column syncline.lease.term is 'Grows by one with every writer; sessions carry it in their application_name.';
comment on column syncline.lease.holder is 'Process and host of the writer, for people.';
comment on column syncline.lease.acquired_at is 'Since when this writer holds the lease.';

create table syncline.heartbeat (
  only_row boolean primary key default true check (only_row),
  term bigint not null,
  beaten_at timestamptz not null default now()
);
comment on table syncline.heartbeat is 'When the lease holder was last alive; apart from the lease so that a long commit does not block it.';
comment on column syncline.heartbeat.only_row is 'Keeps the table to one row.';
comment on column syncline.heartbeat.term is 'The term of the writer that beats.';
comment on column syncline.heartbeat.beaten_at is 'When it did so last; a writer that is silent for too long may be taken over.';

create table syncline.source (
  source text collate "C" primary key,
  position text not null,
  committed_at timestamptz,
  updated_at timestamptz not null default now()
);
comment on table syncline.source is 'How far each source has been read; committed together with what was read.';
comment on column syncline.source.source is 'The source, by its name in the configuration.';
comment on column syncline.source.position is 'How far it has been read, in the source''s own notation.';
comment on column syncline.source.updated_at is 'When Syncline last committed something of this source.';
comment on column syncline.source.committed_at is 'When the source committed the newest change taken in, if it says so.';

create table syncline.ledger (
  source text collate "C",
  key text collate "C",
  value jsonb not null,
  primary key (source, key)
);
comment on table syncline.ledger is 'The bookkeeping of each source: snapshot chunks, pages, files.';
comment on column syncline.ledger.source is 'The source, by its name in the configuration.';
comment on column syncline.ledger.key is 'What the line is about, segments joined by /, for instance page/17.';
comment on column syncline.ledger.value is 'What the source wants to know of it when it is opened again.';

create table syncline.stream (
  stream text collate "C" primary key,
  source text collate "C" not null,
  columns jsonb not null,
  resync text check (resync in ('fresh', 'merge')),
  resync_began_at timestamptz
);
comment on table syncline.stream is 'The mirrored tables and their shape as last announced by the source.';
comment on column syncline.stream.stream is 'The stream, and the name of its table in the warehouse.';
comment on column syncline.stream.source is 'The source that feeds it.';
comment on column syncline.stream.columns is 'Name, type, nullability, place in the key and comment of each column.';
comment on column syncline.stream.resync_began_at is 'When the resync began; dead letters last seen before it are closed at its end.';
comment on column syncline.stream.resync is
  'Set between resync-begin and resync-end. fresh: the mirror was empty, so all it holds was seen; merge: see resync_seen.';

create table syncline.resync_seen (
  stream text collate "C",
  id text collate "C",
  primary key (stream, id)
);
comment on table syncline.resync_seen is 'Records seen since resync-begin; at resync-end the others are gone.';
comment on column syncline.resync_seen.stream is 'The stream whose resync is under way.';
comment on column syncline.resync_seen.id is 'The key of the record as one text.';

create table syncline.made (
  schema text collate "C",
  name text collate "C",
  definition text,
  made_at timestamptz not null default now(),
  primary key (schema, name)
);
comment on table syncline.made is 'The tables and views of the warehouse that Syncline made. It neither writes nor drops any other.';
comment on column syncline.made.schema is 'The schema of the table or view.';
comment on column syncline.made.name is 'The name of the table or view.';
comment on column syncline.made.definition is
  'Of a view: the hash of its definition as it was made, so that a view that somebody has changed is not dropped. Null for tables.';
comment on column syncline.made.made_at is 'When it was made, or made anew.';

create table syncline.dead_letter (
  stream text collate "C",
  id text collate "C",
  first_seen_at timestamptz not null default now(),
  source text collate "C" not null,
  key text[],
  code text not null,
  reason text not null,
  raw text not null,
  position text not null,
  last_seen_at timestamptz not null default now(),
  times bigint not null default 1,
  closed_at timestamptz,
  closed_by text check (closed_by in ('superseded', 'dropped')),
  primary key (stream, id, first_seen_at),
  check ((closed_at is null) = (closed_by is null))
);
create unique index dead_letter_open on syncline.dead_letter (stream, id) where closed_at is null;
comment on table syncline.dead_letter is
  'Records that could not be taken in, as they came. At most one is open per record; any later change of the record closes it.';

comment on column syncline.dead_letter.stream is 'The table of the warehouse that the record was meant for.';
comment on column syncline.dead_letter.id is 'The key of the record as one text; a hash of the raw record when it has no key.';
comment on column syncline.dead_letter.first_seen_at is 'When it was refused first.';
comment on column syncline.dead_letter.source is 'The source, by its name in the configuration.';
comment on column syncline.dead_letter.key is 'The key, column by column.';
comment on column syncline.dead_letter.code is 'Why it was refused, in a word for scripts.';
comment on column syncline.dead_letter.reason is 'Why it was refused, for people.';
comment on column syncline.dead_letter.raw is 'The record as it came.';
comment on column syncline.dead_letter.position is 'The position of the source that was committed with it.';
comment on column syncline.dead_letter.last_seen_at is 'When it was refused last.';
comment on column syncline.dead_letter.times is 'How often it was refused.';
comment on column syncline.dead_letter.closed_at is 'Since when it needs no more attention; null while it is open.';
comment on column syncline.dead_letter.closed_by is 'superseded: a later change of the record was taken in, or the source has it no more. dropped: by somebody.';

create table syncline.model (
  model integer primary key,
  match text collate "C" not null,
  fingerprint text not null,
  definition jsonb not null,
  state text not null check (state in ('building', 'published')),
  created_at timestamptz not null default now(),
  published_at timestamptz
);
create unique index model_published on syncline.model (match) where state = 'published';
comment on table syncline.model is
  'Versions of each match: what is compared, how it weighs and where the thresholds lie. A version never changes.';
comment on column syncline.model.model is 'The number of the version; tables of its own have it in their names.';
comment on column syncline.model.match is 'The match, by its name in the configuration.';
comment on column syncline.model.fingerprint is
  'Hash of all that decides records, keys, scores and matches. Empty once the version misses changes: it is not gone back to.';
comment on column syncline.model.definition is 'What the version was made from.';
comment on column syncline.model.state is 'building: filled beside the published one. published: what the warehouse shows.';
comment on column syncline.model.created_at is 'When the version was begun.';
comment on column syncline.model.published_at is 'When the warehouse first showed it.';

create table syncline.match_record (
  model integer,
  side "char" check (side in ('l', 'r')),
  id text collate "C",
  fields text[] not null,
  primary key (id, side, model)
) partition by list (model);
comment on table syncline.match_record is 'The records that a model version matches, in the order of its fields.';
comment on column syncline.match_record.model is 'The model version, see syncline.model.';
comment on column syncline.match_record.side is 'l: left, r: right.';
comment on column syncline.match_record.id is 'The key of the record as one text.';
comment on column syncline.match_record.fields is 'The values that are compared and shown, as the sources print them.';

create table syncline.match_key (
  model integer,
  key bigint,
  side "char",
  id text collate "C",
  primary key (key, id, side, model)
) partition by list (model);
comment on table syncline.match_key is 'Blocking keys: two records are compared when they share one.';
comment on column syncline.match_key.model is 'The model version, see syncline.model.';
comment on column syncline.match_key.key is 'Hash of the values that a blocking pass takes together.';
comment on column syncline.match_key.side is 'l: left, r: right.';
comment on column syncline.match_key.id is 'The key of the record as one text.';

create table syncline.match_pair (
  model integer,
  side "char",
  id text collate "C",
  partner text collate "C",
  score integer not null,
  primary key (id, side, partner, model)
) partition by list (model);
comment on table syncline.match_pair is
  'Candidate pairs that score at or above the model''s floor, once for each side. Scores are thousandths of a bit.';
comment on column syncline.match_pair.model is 'The model version, see syncline.model.';
comment on column syncline.match_pair.side is 'Whose row this is: l, id is a left record; r, id is a right one.';
comment on column syncline.match_pair.id is 'The key of the record as one text.';
comment on column syncline.match_pair.partner is 'The key of the record on the other side.';
comment on column syncline.match_pair.score is 'The match weight in thousandths of a bit, the prior included.';

create table syncline.match_assignment (
  model integer,
  side "char",
  id text collate "C",
  partner text collate "C" not null,
  score integer not null,
  matched_at timestamptz not null default now(),
  primary key (id, side, model)
) partition by list (model);
comment on table syncline.match_assignment is 'The one-to-one match, once for each side.';
comment on column syncline.match_assignment.model is 'The model version, see syncline.model.';
comment on column syncline.match_assignment.side is 'Whose row this is: l, id is a left record; r, id is a right one.';
comment on column syncline.match_assignment.id is 'The key of the record as one text.';
comment on column syncline.match_assignment.partner is 'The key of the record that it is matched with.';
comment on column syncline.match_assignment.score is 'The match weight in thousandths of a bit, as in match_pair.';
comment on column syncline.match_assignment.matched_at is 'When these two were matched.';

create table syncline.match_queue (
  model integer,
  side "char",
  id text collate "C",
  queued_at timestamptz not null default now(),
  primary key (model, side, id)
);
comment on table syncline.match_queue is
  'Records to be re-matched: what one commit cannot bear is drained from here in bounded pieces.';
comment on column syncline.match_queue.model is 'The model version, see syncline.model.';
comment on column syncline.match_queue.side is 'l: left, r: right.';
comment on column syncline.match_queue.id is 'The key of the record as one text.';
comment on column syncline.match_queue.queued_at is 'When it was put off.';
