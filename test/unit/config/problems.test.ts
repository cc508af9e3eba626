import { describe, expect, it } from 'vitest'
import { changed, complete, problemsOf } from './write-config.ts'

describe('a configuration problem stands with its line, column and path', () => {
  it('none in a complete configuration', () => {
    expect(problemsOf(complete)).toEqual([])
  })

  const cases: [what: string, passage: string, replacement: string, problem: string][] = [
    [
      'an unknown key names the nearest known one',
      '    tables:',
      '    tabels:',
      '6:5 sources.internal.tabels: unknown key; did you mean "tables"?',
    ],
    [
      'equal sweeps to confirm a deletion of which an API tells itself',
      '    totalPages: /total_pages',
      '    since: { updatedAt: /updated_at }\n    confirmSweeps: 2',
      '15:5 sources.vendor.confirmSweeps: means nothing beside `since`: such an API tells of deletions itself',
    ],
    [
      'a bound on the age of pages that are never read by themselves',
      '    totalPages: /total_pages',
      '    since: { updatedAt: /updated_at }\n    maxStaleness: 1h',
      '15:5 sources.vendor.maxStaleness: means nothing beside `since`: pages of such a list are not read by themselves',
    ],
    [
      'an unknown key at the top',
      'warehouse: {',
      'warehous: {',
      '1:1 warehous: unknown key; did you mean "warehouse"?',
    ],
    [
      'an unknown key in a flow map',
      'schema: warehouse }',
      'schemes: warehouse }',
      '1:29 warehouse.schemes: unknown key; did you mean "schema"?',
    ],
    [
      'an unknown key near nothing',
      'url: embedded,',
      'url: embedded, zzz: 1,',
      '1:29 warehouse.zzz: unknown key; known are url, schema',
    ],
    [
      'an unknown key in an alternative',
      '{ type: text, description: Family name }',
      '{ type: text, descripton: x }',
      '19:31 sources.vendor.columns.lastname.descripton: unknown key; did you mean "description"?',
    ],
    [
      'a missing setting stands where it is missing',
      '    records: /users\n',
      '',
      '9:3 sources.vendor.records: is missing: expected text',
    ],
    [
      'a missing kind of source',
      '    type: http\n',
      '',
      '9:3 sources.vendor.type: is missing: expected one of mysql, http',
    ],
    [
      'a wrong kind of source',
      'type: http',
      'type: htpp',
      '10:11 sources.vendor.type: must be one of mysql, http; did you mean "http"?',
    ],
    [
      'a list instead of a map',
      '{ as: internal_user }',
      '[internal_user]',
      '7:13 sources.internal.tables.user: must be a map of settings, not a list',
    ],
    [
      'an empty value',
      '    key: id',
      '    key:',
      '15:9 sources.vendor.key: must be text or a list, not empty',
    ],
    [
      'a number instead of text',
      'as: vendor_user',
      'as: 12',
      '12:9 sources.vendor.as: must be text, not a number',
    ],
    [
      'text instead of a number',
      '    key: id',
      '    concurrency: many\n    key: id',
      '15:18 sources.vendor.concurrency: must be a number, not text',
    ],
    [
      'a fraction',
      '    key: id',
      '    concurrency: 1.5\n    key: id',
      '15:18 sources.vendor.concurrency: must be a whole number, not a number with a fraction',
    ],
    [
      'a number out of bounds',
      '    key: id',
      '    concurrency: 0\n    key: id',
      '15:18 sources.vendor.concurrency: must be at least 1',
    ],
    [
      'a duration without a unit',
      '    key: id',
      '    timeout: "30"\n    key: id',
      '15:14 sources.vendor.timeout: must be a duration such as 500ms, 30s, 5m, 12h or 90d',
    ],
    [
      'a size that is none',
      '    key: id',
      '    maxBodyBytes: 64 apples\n    key: id',
      '15:19 sources.vendor.maxBodyBytes: must be a size such as 512KiB, 64MiB or 10MB',
    ],
    [
      'a cron expression of six fields',
      '"*/5 * * * *"',
      '"0 */5 * * * *"',
      '23:15 sources.vendor.schedule: must have five fields: minute, hour, day of the month, month, day of the week',
    ],
    [
      'a cron field out of bounds',
      '"*/5 * * * *"',
      '"61 * * * *"',
      '23:15 sources.vendor.schedule: has a wrong minute: expected *, 0-59, lists or steps',
    ],
    [
      'a URL of another scheme',
      'mysql://reader@db.example:3316/data_engineer',
      'postgres://db/x',
      '5:10 sources.internal.url: must be a URL that begins with mysql://',
    ],
    [
      'a URL without a database',
      'mysql://reader@db.example:3316/data_engineer',
      'mysql://db',
      '5:10 sources.internal.url: must name the database, as in mysql://host/database',
    ],
    [
      'a URL that asks for encryption by a parameter',
      'mysql://reader@db.example:3316/data_engineer',
      'mysql://db/x?ssl-mode=REQUIRED',
      '5:10 sources.internal.url: must not have parameters: encryption is set by `tls:` of the source',
    ],
    [
      'a URL of a vendor with another scheme',
      'https://vendor.example/api/v1/users',
      'ftp://vendor.example',
      '11:10 sources.vendor.url: must be a URL that begins with http:// or https://',
    ],
    [
      'a warehouse that is none',
      'url: embedded',
      'url: embeded',
      '1:19 warehouse.url: must be "embedded" or a URL that begins with postgres://',
    ],
    [
      'a reserved schema',
      'schema: warehouse',
      'schema: syncline',
      '1:37 warehouse.schema: is reserved: choose another schema',
    ],
    [
      'a JSON pointer without its slash',
      'records: /users',
      'records: users',
      '13:14 sources.vendor.records: must be a JSON pointer such as /users',
    ],
    [
      'a column type that is none',
      'id: bigint',
      'id: bigit',
      '17:11 sources.vendor.columns.id: must be a type: text, bigint, integer, smallint, numeric, double precision, real, boolean, date, time, timestamp, timestamptz, uuid, json, jsonb, varchar(n), numeric(p,s)',
    ],
    [
      'a name in upper case',
      'as: vendor_user',
      'as: VendorUser',
      '12:9 sources.vendor.as: must be a lower-case name: letters, digits and _, not beginning with a digit',
    ],
    [
      'a key that is no column',
      'key: id',
      'key: [id, nmae]',
      '15:15 sources.vendor.key[1]: is not one of the columns; known are id, firstname, lastname, specialty, place, last_active_date',
    ],
    ['a key named twice', 'key: id', 'key: [id, id]', '15:15 sources.vendor.key[1]: stands here twice'],
    [
      'a stream that two sources feed',
      'as: vendor_user',
      'as: internal_user',
      '12:9 sources.vendor.as: this name is already taken by sources.internal.tables.user.as',
    ],
    [
      'a table that needs another name',
      'user: { as: internal_user }',
      'User: {}\n      user: { as: internal_user }',
      '7:7 sources.internal.tables.User: needs `as`: a lower-case name for its warehouse table',
    ],
    [
      'a view file that is not there',
      'matches:\n',
      'views: [nothing/*.sql]\nmatches:\n',
      '24:9 views[0]: no file has this name',
    ],
    [
      'a report that is not there',
      'matches:\n',
      'report: answers.sql\nmatches:\n',
      '24:9 report: there is no such file',
    ],
    [
      'a date that is none',
      'matches:\n',
      'asOf: 2017-02-30\nmatches:\n',
      '24:7 asOf: must be a date such as 2017-02-02',
    ],
    [
      'a key that stands there twice',
      '    key: id',
      '    key: id\n    key: id',
      '16:5 this key stands here twice',
    ],
    ['YAML that is none', '    key: id', '    key: "id', '15:13 Missing closing'],
  ]

  it.each(cases)('%s', (_what, passage, replacement, problem) => {
    expect(problemsOf(changed(passage, replacement))).toContainEqual(expect.stringContaining(problem))
  })

  it('all of them at once, in the order of the file', () => {
    const yaml = changed('schema: warehouse', 'schema: Warehouse')
      .replace('    tables:', '    tabels:')
      .replace('"*/5 * * * *"', 'hourly')
      .replace('stream: vendor_user', 'stream: vendor_users')
      .replace('single: [specialty', 'treshold: 1\n    single: [speciality')
    expect(problemsOf(yaml).map((problem) => problem.split(': ')[0])).toEqual([
      '1:37 warehouse.schema',
      '3:3 sources.internal.tables',
      '6:5 sources.internal.tabels',
      '23:15 sources.vendor.schedule',
      '27:15 matches.user_match.left.stream',
      '29:15 matches.user_match.left.join.internal_practice',
      '37:15 matches.user_match.right.stream',
      '45:5 matches.user_match.treshold',
      '46:14 matches.user_match.single[0]',
    ])
  })

  it.each([
    ['an empty file', '', '1:1 the file is empty'],
    ['a list', '- a\n', '1:1 must be a map of settings, not a list'],
    ['no sources', 'sources: {}\n', '1:10 sources: needs at least one source'],
    ['an alias that holds itself', 'sources: &a { x: *a }\n', '1:15 is nested too deeply'],
    ['two documents', 'sources: {}\n---\nsources: {}\n', '2:1 '],
    [
      'a key that is a prototype',
      '__proto__: 1\nsources: {}\n',
      '1:1 __proto__ cannot be a name: choose another',
    ],
  ])('%s', (_what, yaml, problem) => {
    expect(problemsOf(yaml)).toContainEqual(expect.stringContaining(problem))
  })
})
