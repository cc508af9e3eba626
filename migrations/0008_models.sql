-- Versions are built and followed beside the published one, and take its place when they are whole.

alter table syncline.model add column origin text not null default '';
alter table syncline.model add column wanted boolean not null default true;
comment on column syncline.model.origin is
  'Hash of the match section of the configuration that the version belongs to. A calibrated version shares it with the one made from the section alone.';
comment on column syncline.model.wanted is
  'Whether it takes the place of the published one as soon as it is whole. Calibrated versions wait for `match use`.';
comment on column syncline.model.state is
  'building: filled, and kept up to date, beside the published one. published: what the warehouse shows.';
comment on column syncline.command.kind is 'What is to be done: resync, pause, resume, verify, review, calibrated, use, rebuild.';
