-- How much of a stream a resync may find gone is judged by what was there when it began, not by what came meanwhile.

alter table syncline.stream add column resync_rows bigint;
comment on column syncline.stream.resync_rows is 'Rows of its table when the resync began; null outside of one.';
