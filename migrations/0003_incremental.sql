-- What following a match commit by commit needs, and what it leaves behind for readers: causes, the change feed, the
-- history, reviewers' decisions, figures for alerts.

create table syncline.match_cause (
  cause bigint primary key,
  kind text not null check (kind in ('source', 'clock', 'review', 'model')),
  source text collate "C",
  position text,
  committed_at timestamptz
);
comment on table syncline.match_cause is 'Why records wait in match_queue or match_fan_out; gone when none waits for it any more.';
comment on column syncline.match_cause.cause is 'Counts up; what waits longest has the lowest.';
comment on column syncline.match_cause.kind is 'source: a batch of a source; clock: a new day; review: a decision; model: a new model version.';
comment on column syncline.match_cause.source is 'The source, by its name in the configuration; for a review who decided.';
comment on column syncline.match_cause.position is 'The position of the source that was committed with it.';
comment on column syncline.match_cause.committed_at is 'When the source committed it, if it says so.';

-- A queue filled before causes were noted is drained under the cause 0.
insert into syncline.match_cause (cause, kind) values (0, 'model');
alter table syncline.match_queue add column cause bigint not null default 0;
alter table syncline.match_queue alter column cause drop default;
create index match_queue_cause on syncline.match_queue (cause, model, side, id);
comment on column syncline.match_queue.model is 'The model version.';
comment on column syncline.match_queue.side is 'l: left, r: right.';
comment on column syncline.match_queue.id is 'The key of the record as one text.';
comment on column syncline.match_queue.queued_at is 'Since when it waits.';
comment on column syncline.match_queue.cause is 'Why, see match_cause.';

create table syncline.match_fan_out (
  model integer,
  side "char",
  place integer,
  key text collate "C",
  after_key text[],
  cause bigint not null,
  queued_at timestamptz not null default now(),
  primary key (model, side, place, key)
);
create index match_fan_out_cause on syncline.match_fan_out (cause);
comment on table syncline.match_fan_out is
  'Joined rows of which so many records take fields that they are re-matched in bounded pieces.';
comment on column syncline.match_fan_out.model is 'The model version.';
comment on column syncline.match_fan_out.side is 'l: left, r: right.';
comment on column syncline.match_fan_out.place is 'Which join of that side, counted from 0 as configured.';
comment on column syncline.match_fan_out.key is 'The key of the joined row.';
comment on column syncline.match_fan_out.after_key is 'The key of the last record that was re-matched; null before the first.';
comment on column syncline.match_fan_out.cause is 'Why, see match_cause.';
comment on column syncline.match_fan_out.queued_at is 'Since when it waits.';

alter table syncline.model add column shown text;
comment on column syncline.model.shown is
  'Hash of how the warehouse table shows the version; when the configuration says otherwise the table is filled anew.';

create table syncline.model_number (
  only_row boolean primary key default true check (only_row),
  last_model integer not null
);
insert into syncline.model_number (last_model) select coalesce(max(model), 0) from syncline.model;
comment on table syncline.model_number is
  'The number given to a model version last. None is given twice, also when a version was dropped; none is lost by a crash.';
comment on column syncline.model_number.only_row is 'Keeps the table to one row.';
comment on column syncline.model_number.last_model is 'The highest number that was ever given.';

create table syncline.match_feed (
  match text collate "C" primary key,
  last_change bigint not null
);
comment on table syncline.match_feed is 'The number of the newest change of each match.';
comment on column syncline.match_feed.match is 'The match, which is the name of its warehouse table.';
comment on column syncline.match_feed.last_change is 'See match_change.change.';

create table syncline.match_change (
  match text collate "C",
  change bigint,
  left_id text collate "C",
  kind text not null check (kind in ('matched', 'unmatched', 're-matched', 'attributes')),
  before jsonb,
  after jsonb,
  cause text not null check (cause in ('source', 'clock', 'review', 'model')),
  source text collate "C",
  position text,
  source_time timestamptz,
  changed_at timestamptz not null default now(),
  primary key (match, change, left_id)
);
create index match_change_time on syncline.match_change (changed_at);
comment on table syncline.match_change is
  'The net changes of the matched tables, one commit after the other: folded over an empty table in the order of change they make the table. Read what is new by `where match = … and change > …`; kept for as long as the configuration says.';
comment on column syncline.match_change.match is 'The match, which is the name of its warehouse table.';
comment on column syncline.match_change.change is 'Counts the commits that changed this match; rows of one commit share it.';
comment on column syncline.match_change.left_id is 'The key of the left record as one text.';
comment on column syncline.match_change.kind is
  'matched, unmatched, re-matched (another right record), attributes (the same pair, other values).';
comment on column syncline.match_change.before is 'The row of the warehouse table before; null if there was none.';
comment on column syncline.match_change.after is 'The row of the warehouse table after; null if there is none.';
comment on column syncline.match_change.cause is 'source: a change at a source; clock: the day; review: a decision; model: a model version.';
comment on column syncline.match_change.source is 'Of a source: its name in the configuration. Of a review: who decided.';
comment on column syncline.match_change.position is 'The position of the source that was committed with it.';
comment on column syncline.match_change.source_time is 'When the source committed it, if it says so.';
comment on column syncline.match_change.changed_at is 'When the warehouse changed.';

create table syncline.match_history (
  match text collate "C",
  left_id text collate "C",
  valid_from timestamptz,
  valid_to timestamptz,
  right_id text collate "C" not null,
  left_active boolean,
  right_active boolean,
  as_of date not null,
  primary key (match, left_id, valid_from)
);
create index match_history_open on syncline.match_history (match, left_id) where valid_to is null;
create index match_history_closed on syncline.match_history (valid_to) where valid_to is not null;
comment on table syncline.match_history is
  'Who was matched with whom, and which of both was active, from valid_from on and before valid_to.';
comment on column syncline.match_history.match is 'The match, which is the name of its warehouse table.';
comment on column syncline.match_history.left_id is 'The key of the left record as one text.';
comment on column syncline.match_history.valid_from is 'From when on it held, this moment included.';
comment on column syncline.match_history.valid_to is 'Until when it held, this moment excluded; null: it still holds.';
comment on column syncline.match_history.right_id is 'The key of the right record as one text.';
comment on column syncline.match_history.left_active is 'Whether the left record was active; null: no date known.';
comment on column syncline.match_history.right_active is 'Whether the right record was active; null: no date known.';
comment on column syncline.match_history.as_of is 'The day as of which activity was judged at valid_from.';

create table syncline.match_decision (
  match text collate "C",
  left_id text collate "C",
  right_id text collate "C",
  decided_at timestamptz not null default clock_timestamp(),
  verdict text not null check (verdict in ('must', 'cannot')),
  decided_by text not null,
  reason text,
  undone_at timestamptz,
  undone_by text,
  primary key (match, left_id, right_id, decided_at),
  check ((undone_at is null) = (undone_by is null))
);
create unique index match_decision_standing on syncline.match_decision (match, left_id, right_id) where undone_at is null;
create index match_decision_right on syncline.match_decision (match, right_id) where undone_at is null;
comment on table syncline.match_decision is
  'What reviewers decided about pairs. Input data: a must ranks above every score, a cannot removes the pair; both outlive the records and every model version.';
comment on column syncline.match_decision.match is 'The match, which is the name of its warehouse table.';
comment on column syncline.match_decision.left_id is 'The key of the left record as one text.';
comment on column syncline.match_decision.right_id is 'The key of the right record as one text.';
comment on column syncline.match_decision.decided_at is 'When it was decided.';
comment on column syncline.match_decision.verdict is 'must: they are the same person; cannot: they are not.';
comment on column syncline.match_decision.decided_by is 'Who decided.';
comment on column syncline.match_decision.reason is 'Why, in the words of the reviewer.';
comment on column syncline.match_decision.undone_at is 'When it was taken back or replaced; null while it stands.';
comment on column syncline.match_decision.undone_by is 'Who took it back.';

create table syncline.match_figure (
  model integer primary key,
  longest_path integer not null default 0,
  longest_path_at timestamptz
);
comment on table syncline.match_figure is 'Extremes of each model version, for alerts.';
comment on column syncline.match_figure.model is 'The model version.';
comment on column syncline.match_figure.longest_path is 'The most waves that one commit took until the match was stable again.';
comment on column syncline.match_figure.longest_path_at is 'When that was.';
