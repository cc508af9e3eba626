/** What is done to the table `t`, and whether its rows have to be read again for it. */
export interface Alteration {
  readonly statements: readonly string[]
  readonly readAgain: boolean
  readonly only?: 'mysql' | 'mariadb'
}

/** By what happens to the table. */
export const alterations: Readonly<Record<string, Alteration>> = {
  'a column that is empty is added': {
    statements: ['alter table t add column c varchar(10)'],
    readAgain: false,
  },
  'a column in the middle is added': {
    statements: ['alter table t add column c int after id'],
    readAgain: false,
  },
  'a column with a default is added': {
    statements: ["alter table t add column c varchar(10) not null default 'x'"],
    readAgain: true,
  },
  'a generated column is added': {
    statements: ['alter table t add column c int as (v * 2) stored'],
    readAgain: true,
  },
  'a column is dropped': { statements: ['alter table t drop column name'], readAgain: false },
  'a column is renamed': { statements: ['alter table t change name label varchar(20)'], readAgain: true },
  'a column is renamed by its own statement': {
    statements: ['alter table t rename column name to label'],
    readAgain: true,
  },
  'columns are reordered': { statements: ['alter table t modify name varchar(20) first'], readAgain: false },
  'text is widened': { statements: ['alter table t modify name varchar(200)'], readAgain: false },
  'an integer is widened': { statements: ['alter table t modify v bigint'], readAgain: false },
  'a number becomes text': { statements: ['alter table t modify v varchar(30)'], readAgain: true },
  'decimals are cut': { statements: ['alter table t modify amount decimal(10,1)'], readAgain: true },
  'the character set is converted': {
    statements: ['alter table t convert to character set latin1'],
    readAgain: true,
  },
  'an index is added': {
    statements: ['alter table t add index by_v (v), comment = "x"', 'create index by_name on t (name)'],
    readAgain: false,
  },
  'it is truncated': { statements: ['truncate table t'], readAgain: false },
  'it is emptied by a delete': { statements: ['delete from t'], readAgain: false },
  'it is dropped and created anew': {
    statements: [
      'drop table t',
      'create table t (id int primary key, name varchar(20), v int, amount decimal(10,2))',
      "insert into t (id, name) values (77, 'new')",
    ],
    readAgain: true,
  },
  'another takes its place, as gh-ost and pt-online-schema-change do it': {
    statements: [
      'create table _t_gho like t',
      'alter table _t_gho add column extra int not null default 9',
      'insert into _t_gho (id, name, v, amount) select id, name, v, amount from t',
      "insert into _t_gho (id, name) values (500, 'only in the ghost')",
      'rename table t to _t_del, _t_gho to t',
    ],
    readAgain: true,
  },
  'it is renamed away and back': {
    statements: ['rename table t to u', 'update u set v = 99', 'alter table u rename to t'],
    readAgain: true,
  },
  'a partition is dropped': {
    statements: [
      'alter table t partition by range (id) (partition a values less than (2), partition b values less than maxvalue)',
      'alter table t drop partition a',
    ],
    readAgain: true,
  },
  'a partition is exchanged': {
    statements: [
      'alter table t partition by range (id) (partition a values less than (2), partition b values less than maxvalue)',
      'create table t2 like t',
      'alter table t2 remove partitioning',
      "insert into t2 (id, name) values (0, 'swapped in')",
      'alter table t exchange partition a with table t2',
    ],
    readAgain: true,
  },
  'rows are changed by a statement that is logged as such': {
    statements: [
      'set session binlog_format = statement',
      "update t set name = concat(name, '!')",
      'set session binlog_format = row',
    ],
    readAgain: true,
  },
  'rows are inserted by a statement that is logged as such': {
    statements: [
      'set session binlog_format = statement',
      'insert into t (id, name) select id + 10, name from t',
      'set session binlog_format = row',
    ],
    readAgain: true,
  },
  'it is read by a statement that is logged as such': {
    statements: [
      'create table t2 (n int)',
      'set session binlog_format = statement',
      'replace into t2 select count(*) from t',
      'set session binlog_format = row',
    ],
    // Nobody can tell whether a trigger of the other one has changed it.
    readAgain: true,
  },
  'rows are changed through a view by a statement that is logged as such': {
    statements: [
      'create view v as select * from t',
      'set session binlog_format = statement',
      "update v set name = concat(name, '!')",
      'set session binlog_format = row',
    ],
    readAgain: true,
  },
  'rows are changed by a trigger of a table that a statement changes which is logged as such': {
    statements: [
      'create table t2 (n int)',
      "create trigger on_t2 after insert on t2 for each row insert into t (id, name) values (new.n, 'trigger')",
      'set session binlog_format = statement',
      'insert into t2 values (50)',
      'set session binlog_format = row',
    ],
    readAgain: true,
  },
  'rows are changed by a function that a statement calls which is logged as such': {
    statements: [
      "create function f() returns int deterministic begin update t set name = 'function'; return 1; end",
      'set session binlog_format = statement',
      'do f()',
      'set session binlog_format = row',
    ],
    readAgain: true,
  },
  'rows are changed by a function while a table is made': {
    statements: [
      "create function f() returns int deterministic begin update t set name = 'function'; return 1; end",
      'set session binlog_format = statement',
      'create table t2 select f()',
      'set session binlog_format = row',
    ],
    readAgain: true,
    only: 'mariadb',
  },
  'rows are changed by a statement that is also analysed': {
    statements: [
      'set session binlog_format = statement',
      "analyze update t set name = 'analysed'",
      'set session binlog_format = row',
    ],
    readAgain: true,
    only: 'mariadb',
  },
  'a statement has settings of its own': {
    statements: ['set statement lock_wait_timeout = 5, sql_mode = "" for alter table t add c int default 7'],
    readAgain: true,
    only: 'mariadb',
  },
  'rows that are not unique any more are dropped': {
    statements: [
      "insert into t (id, name) values (10, 'same'), (11, 'same')",
      'alter ignore table t add unique (name)',
    ],
    readAgain: true,
    only: 'mariadb',
  },
  'it becomes a partition, and a table again': {
    statements: [
      'create table u like t',
      'alter table u partition by range (id) (partition a values less than (-5))',
      'alter table u convert table t to partition b values less than (10000)',
      "update u set name = 'partition'",
      'alter table u convert partition b to table t',
    ],
    readAgain: true,
    only: 'mariadb',
  },
  'rows are logged without all their columns': {
    statements: [
      'set session binlog_row_image = minimal',
      'update t set v = v + 1 where id = 2',
      'set session binlog_row_image = full',
    ],
    readAgain: true,
  },
  'two statements that undo each other': {
    statements: [
      'alter table t add column c int default 5',
      'alter table t drop column c',
      'alter table t add column c int',
    ],
    readAgain: true,
  },
}
