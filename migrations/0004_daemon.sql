-- What a running daemon is asked to do, and how its sources are doing.

create table syncline.command (
  id uuid primary key default gen_random_uuid(),
  kind text not null,
  arguments jsonb not null default '{}',
  requested_by text not null,
  requested_at timestamptz not null default clock_timestamp(),
  state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
  term bigint,
  result jsonb,
  finished_at timestamptz,
  check ((finished_at is not null) = (state in ('done', 'failed')))
);
create index command_open on syncline.command (requested_at) where finished_at is null;
comment on table syncline.command is
  'What other processes ask of the one that may write. It executes them in the order of their arrival and leaves the result here.';
comment on column syncline.command.id is 'Made by whoever asks.';
comment on column syncline.command.kind is 'What is to be done: resync, pause, resume, verify.';
comment on column syncline.command.arguments is 'With what, by name.';
comment on column syncline.command.requested_by is 'Who asked: user and host.';
comment on column syncline.command.requested_at is 'When.';
comment on column syncline.command.state is
  'waiting: not begun. running: begun under the term; under an earlier term than the present one it is begun anew.';
comment on column syncline.command.term is 'The term of the lease under which it was begun last.';
comment on column syncline.command.result is 'What came of it; an object with code, message and hint if it failed.';
comment on column syncline.command.finished_at is 'When it was done or failed. Old ones are removed after a week.';

create table syncline.paused_source (
  source text collate "C" primary key,
  paused_by text not null,
  paused_at timestamptz not null default now()
);
comment on table syncline.paused_source is 'Sources that are not to be read until somebody resumes them.';
comment on column syncline.paused_source.source is 'The source, by its name in the configuration.';
comment on column syncline.paused_source.paused_by is 'Who asked for it.';
comment on column syncline.paused_source.paused_at is 'Since when.';

create table syncline.source_status (
  source text collate "C" primary key,
  term bigint not null,
  status jsonb not null,
  reported_at timestamptz not null default clock_timestamp()
);
comment on table syncline.source_status is
  'How each source is doing, told every few seconds by the process that reads it. For people and alerts; nothing is decided by it.';
comment on column syncline.source_status.source is 'The source, by its name in the configuration.';
comment on column syncline.source_status.term is 'The term of the lease under which it was told.';
comment on column syncline.source_status.status is 'State, lag, rate, failure, headroom: see `syncline status --json`.';
comment on column syncline.source_status.reported_at is 'When it was told; old means that nobody reads the source now.';
