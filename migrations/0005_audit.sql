-- What `verify` finds: a stream read at its source and compared with its mirror, while both change.

create table syncline.audit (
  stream text collate "C" primary key,
  began_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  compared bigint not null default 0
);
comment on table syncline.audit is 'The last comparison of each stream with its source.';
comment on column syncline.audit.stream is 'The stream, which is also the name of the mirrored table.';
comment on column syncline.audit.began_at is 'When its first rows were compared.';
comment on column syncline.audit.finished_at is 'When its last rows were compared; null while it is under way, or if it was broken off.';
comment on column syncline.audit.compared is 'Rows of the source that were compared.';

create table syncline.audit_difference (
  stream text collate "C",
  id text collate "C",
  kind text not null check (kind in ('missing', 'different', 'extra')),
  found_at timestamptz not null default clock_timestamp(),
  primary key (stream, id)
);
comment on table syncline.audit_difference is
  'What the last comparison of a stream found: where the mirror was not as its source was at that moment.';
comment on column syncline.audit_difference.stream is 'The stream.';
comment on column syncline.audit_difference.id is 'The key of the record as one text.';
comment on column syncline.audit_difference.kind is
  'missing: the source had it, the mirror not. different: a value differed. extra: the mirror had it, the source not.';
comment on column syncline.audit_difference.found_at is 'When it was found.';

create table syncline.audit_seen (
  stream text collate "C",
  id text collate "C",
  primary key (stream, id)
);
comment on table syncline.audit_seen is 'Records that a comparison under way has seen; at its end the others are extra.';
comment on column syncline.audit_seen.stream is 'The stream.';
comment on column syncline.audit_seen.id is 'The key of the record as one text.';
