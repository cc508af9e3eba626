import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Status } from '../../src/daemon/status.ts'
import type { Running } from '../support/program.ts'
import { mysqlServers, testSchema, type TestSchema } from '../support/mysql.ts'
import { Shop } from '../support/shop.ts'
import { until } from '../support/until.ts'

describe.each(mysqlServers)('data that no source keeps fresh any more, of $flavour,', (server) => {
  let schema: TestSchema
  let shop: Shop
  let running: Running | null = null

  beforeEach(async () => {
    schema = await testSchema(server)
    shop = await Shop.open(schema.url)
    await schema.execute(
      `create table item (id int primary key, sku varchar(20) not null, n int);
       create table part (id int primary key, v int);
       insert into item values (1, 'a', 1), (2, 'b', 2); insert into part values (1, 10), (2, 20)`,
    )
    await mkdir(join(shop.folder, 'views'))
    await writeFile(
      join(shop.folder, 'views', 'stock.sql'),
      'create or replace view stock as select sku, n from item;',
    )
  })
  afterEach(async () => {
    running?.process.kill('SIGKILL')
    await running?.finished
    running = null
    await shop.close()
    await schema.drop()
  })

  const views = 'views: views/*.sql'
  const snapshot = async (...options: string[]): Promise<string> => {
    const { code, stderr } = await shop.run('run', '--snapshot', ...options)
    expect(code, stderr).toBe(0)
    return stderr
  }

  it('is named and kept when its table is not configured any more, until it is pruned', async () => {
    await shop.configure(['item', 'part'], views)
    await snapshot()
    await shop.warehouse.query('create table warehouse.notes (of_somebody text)')
    await shop.configure(['item'], views)
    expect(await snapshot()).toContain('a table whose stream is not configured any more is kept')
    expect(await shop.mirrored('part')).toEqual(['(1,10)', '(2,20)'])

    await shop.warehouse.query('create view public.report as select * from warehouse.part')
    expect(await snapshot('--prune')).toContain('view report depends on table')
    expect(await shop.mirrored('part')).toEqual(['(1,10)', '(2,20)'])

    await shop.warehouse.query('drop view public.report')
    expect(await snapshot('--prune')).toContain('dropped a table')
    expect(await shop.mirrored('part')).toBeNull()
    expect(await shop.mirrored('notes')).toEqual([])
    expect(await shop.mirrored('item')).toHaveLength(2)

    await schema.execute('insert into part values (3, 30)')
    await shop.configure(['item', 'part'], views)
    await snapshot()
    expect(await shop.mirrored('part')).toEqual(['(1,10)', '(2,20)', '(3,30)'])
  })

  it('is named and kept when the key of its table changes, and read anew under the new key when it is pruned', async () => {
    await shop.configure(['item', 'part'], views)
    running = shop.start('run')
    await until('all is read', async () => (await shop.mirrored('item'))?.length === 2 || null)
    await schema.execute('alter table item drop primary key, add primary key (sku)')
    await schema.execute("insert into item values (1, 'c', 3); insert into part values (4, 40)")
    const { sources } = await until('the stream has stopped', async () => {
      const { stdout } = await shop.run('status', '--json')
      const status = JSON.parse(stdout) as Status
      return Object.keys(status.sources[0]?.stopped ?? {}).length > 0 ? status : null
    })
    expect(sources[0]?.stopped?.['item']).toMatch(/changed from \(id\) to \(sku\).*syncline run --prune/)
    await until('the others go on', async () => (await shop.mirrored('part'))?.includes('(4,40)') || null)
    expect(await shop.mirrored('item')).toEqual(['(1,a,1)', '(2,b,2)'])
    running.process.kill('SIGTERM')
    expect(await running.finished).toMatchObject({ code: 0 })

    running = shop.start('run', '--prune')
    await until('it is read anew', async () => (await shop.mirrored('item'))?.length === 3 || null)
    await schema.execute("update item set n = 9 where sku = 'c'")
    await until('it is followed', async () => (await shop.mirrored('item'))?.includes('(1,c,9)') || null)
    const seen = await until('the views are there again', async () => {
      const rows = await shop.warehouse.query('select sku from warehouse.stock order by 1').catch(() => null)
      return rows?.length === 3 ? rows : null
    })
    expect(seen).toEqual([['a'], ['b'], ['c']])
    running.process.kill('SIGTERM')
    expect(await running.finished).toMatchObject({ code: 0 })
  })
})
