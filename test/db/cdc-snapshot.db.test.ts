import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { covers } from '../../src/changes/position.ts'
import { mysqlPositionFormat } from '../../src/cdc/position.ts'
import { StoppingError } from '../../src/runtime/errors.ts'
import { Mirror, mysqlSource, mysqlServers, testSchema, type TestSchema } from './cdc-fixture.ts'

describe.each(mysqlServers)('the snapshot of $flavour', ({ url: serverUrl }) => {
  let schema: TestSchema
  beforeAll(async () => {
    schema = await testSchema(serverUrl)
  })
  afterAll(() => schema.drop())

  async function numbers(table: string, count: number): Promise<void> {
    await schema.execute(`create table ${table} (id int primary key, v int)`)
    await schema.execute(`insert into ${table} values ?`, [
      Array.from({ length: count }, (_, n) => [n + 1, n]),
    ])
  }

  test('opens each table with its schema and closes it, the smallest first, empty tables too', async () => {
    await schema.execute('create table empty1 (id int primary key)')
    await numbers('two', 5)
    await schema.execute('analyze table empty1, two')
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['two', 'empty1'], { chunkRows: 2 }))
    const kinds = mirror.batches.map((batch) => batch.changes.map(({ kind, stream }) => `${stream}:${kind}`))
    expect(kinds).toEqual([
      ['empty1:schema', 'empty1:resync-begin', 'empty1:resync-end'],
      ['two:schema', 'two:resync-begin', 'two:upsert', 'two:upsert'],
      ['two:upsert', 'two:upsert'],
      ['two:upsert', 'two:resync-end'],
    ])
    expect(mirror.columns.get('two')).toEqual([
      { name: 'id', type: 'integer', nullable: false, keyPosition: 1, comment: null },
      { name: 'v', type: 'integer', nullable: true, keyPosition: null, comment: null },
    ])
  })

  test('advances its position with every batch while the log stands still', async () => {
    await numbers('steps', 10)
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['steps'], { chunkRows: 2 }))
    let before = null as string | null
    for (const batch of mirror.batches) {
      expect(batch.before).toBe(before)
      if (before !== null) {
        const [earlier, later] = [mysqlPositionFormat.parse(before), mysqlPositionFormat.parse(batch.after)]
        expect(mysqlPositionFormat.compare(earlier, later)).toBe('before')
        expect(covers(mysqlPositionFormat, later, earlier)).toBe(true)
      }
      before = batch.after
    }
  })

  test('goes on after the last committed chunk, reading nothing twice', async () => {
    await numbers('resumed', 20)
    for (const commits of [1, 2, 3, 5]) {
      const mirror = new Mirror()
      await mirror.follow(mysqlSource(schema, ['resumed'], { chunkRows: 4 }), commits)
      expect(mirror.rows.size).toBe(commits * 4)
      // To the end of this snapshot: what others write on the server meanwhile calls for a whole one after it.
      await mirror.follow(mysqlSource(schema, ['resumed'], { chunkRows: 4 }), 6 - commits)
      expect(mirror.rows.size).toBe(20)
      expect(
        mirror.batches.flatMap(({ changes }) => changes.filter(({ kind }) => kind === 'upsert')),
      ).toHaveLength(20)
    }
  })

  test('begins anew once it is complete, and drops what has gone', async () => {
    await numbers('again', 6)
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['again'], { chunkRows: 4 }))
    await schema.execute('delete from again where id in (2, 6); update again set v = 100 where id = 3')
    await mirror.follow(mysqlSource(schema, ['again'], { chunkRows: 4 }))
    expect(mirror.keys()).toEqual(['again ["1"]', 'again ["3"]', 'again ["4"]', 'again ["5"]'])
    expect(mirror.rows.get('again ["3"]')).toEqual({ id: '3', v: '100' })
  })

  test('reads a table from its first row when its shape changed between two attempts', async () => {
    await numbers('reshaped', 6)
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['reshaped'], { chunkRows: 2 }), 2)
    await schema.execute('alter table reshaped add column w int not null default 7')
    await mirror.follow(mysqlSource(schema, ['reshaped'], { chunkRows: 2 }))
    expect([...mirror.rows.values()].map(({ w }) => w)).toEqual(Array(6).fill('7'))
    expect(mirror.columns.get('reshaped')).toHaveLength(3)
  })

  test('misses no row that a concurrent writer committed before its chunk was read', async () => {
    await numbers('busy', 2000)
    let writing = true
    const writer = await testSchema(serverUrl)
    const write = async (): Promise<number> => {
      let last = 0
      for (let n = 0; writing; n++) {
        await writer.execute(`update ${schema.name}.busy set v = v + 1000000 where id = ?`, [
          1 + ((n * 37) % 2000),
        ])
        await writer.execute(`insert into ${schema.name}.busy values (?, 1)`, [3000 + n])
        if (n % 50 === 0) await writer.execute('flush binary logs')
        last = 3000 + n
      }
      return last
    }
    const written = write()
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['busy'], { chunkRows: 50 }))
    writing = false
    await written
    await writer.drop()
    for (let id = 1; id <= 2000; id++) expect(mirror.rows.has(`busy ["${id}"]`), String(id)).toBe(true)
    const after = new Mirror()
    await after.follow(mysqlSource(schema, ['busy']))
    expect(after.rows.size).toBeGreaterThanOrEqual(mirror.rows.size)
  })

  test('stays within its bytes when rows grow suddenly, and loses none of them', async () => {
    await schema.execute('create table wide (id int primary key, filler longtext)')
    await schema.execute('insert into wide values ?', [
      Array.from({ length: 500 }, (_, n) => [n, 'x'.repeat(100)]),
    ])
    for (let n = 500; n < 520; n++)
      await schema.execute('insert into wide values (?, repeat(?, 1000000))', [n, 'y'])
    await schema.execute('insert into wide values ?', [Array.from({ length: 500 }, (_, n) => [600 + n, 'z'])])
    const mirror = new Mirror()
    await mirror.follow(mysqlSource(schema, ['wide'], { chunkRows: 400, chunkBytes: 4_000_000 }))
    expect(mirror.rows.size).toBe(1020)
    for (const { changes } of mirror.batches) {
      let bytes = 0
      for (const change of changes) if (change.kind === 'upsert') bytes += change.row.filler?.length ?? 0
      expect(bytes).toBeLessThanOrEqual(4_000_000)
    }
  })

  test('reconnects and reads the open chunk again when its connection is killed', async () => {
    await numbers('killed', 100)
    const user = `u_${schema.name}`
    await schema.execute(`create user '${user}'@'%'; grant select on ${schema.name}.* to '${user}'@'%'`)
    const url = new URL(schema.url)
    url.username = user
    url.password = ''
    const retryPolicy = { attempts: 5, baseMs: 1, maxMs: 5 }
    const source = mysqlSource(schema, ['killed'], { chunkRows: 5, url: url.toString(), retryPolicy })
    const mirror = new Mirror()
    let kills = 0
    await mirror.follow({
      ...source,
      open: async function* (options) {
        for await (const batch of source.open(options)) {
          yield batch
          const sessions = await schema.execute('show processlist')
          for (const { Id } of sessions.filter(({ User }) => User === user)) {
            await schema.execute('kill ?', [Id]).catch(() => undefined)
            kills++
          }
        }
      },
    })
    await schema.execute(`drop user '${user}'@'%'`)
    expect(mirror.rows.size).toBe(100)
    expect(kills).toBeGreaterThan(5)
  })

  test.each([
    ['vanishes', 'drop column v', { id: '1' }],
    ['changes its type', 'modify v varchar(20)', { id: '1', v: '0' }],
  ])('asks to be opened again when a column %s while it reads', async (_, alter, first) => {
    await schema.execute('drop table if exists vanishing')
    await numbers('vanishing', 100)
    const mirror = new Mirror()
    const source = mysqlSource(schema, ['vanishing'], { chunkRows: 5 })
    const opened = mirror.follow({
      ...source,
      open: async function* (options) {
        let batches = 0
        for await (const batch of source.open(options)) {
          yield batch
          if (++batches === 2) await schema.execute(`alter table vanishing ${alter}`)
        }
      },
    })
    await expect(opened).rejects.toMatchObject({ name: 'TransientError', code: 'table-changed' })
    await mirror.follow(mysqlSource(schema, ['vanishing']))
    expect(mirror.rows.get('vanishing ["1"]')).toEqual(first)
    expect(mirror.rows.size).toBe(100)
  })

  test('ends at once when it is told to stop', async () => {
    await numbers('stopped', 100)
    const stop = new AbortController()
    const mirror = new Mirror()
    const source = mysqlSource(schema, ['stopped'], { chunkRows: 5 })
    const following = mirror.follow({
      ...source,
      open: async function* (options) {
        let batches = 0
        for await (const batch of source.open({ ...options, signal: stop.signal })) {
          yield batch
          if (++batches === 2) stop.abort()
        }
      },
    })
    await expect(following).rejects.toThrow(StoppingError)
  })

  test('tells how far each table is', async () => {
    await numbers('known', 30)
    const mirror = new Mirror()
    const source = mysqlSource(schema, ['known'], { chunkRows: 10 })
    await mirror.follow(source, 2)
    expect(source.progress()).toEqual([{ phase: 'known', done: 20, total: 30 }])
  })
})
