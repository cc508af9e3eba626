import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Status } from '../../src/daemon/status.ts'
import { FlakyLink } from '../support/flaky-link.ts'
import { mysqlServers, testSchema, type TestSchema } from '../support/mysql.ts'
import type { Running } from '../support/program.ts'
import { Shop } from '../support/shop.ts'
import { until } from '../support/until.ts'

const minutes = 60_000
const mebibyte = 2 ** 20

describe.each(mysqlServers)('a running Syncline whose links break, on $flavour,', (server) => {
  let schema: TestSchema
  let link: FlakyLink
  let shop: Shop
  let running: Running | null = null

  beforeEach(async () => {
    schema = await testSchema(server)
    link = await FlakyLink.before(schema.url)
    shop = await Shop.open(link.url)
    await schema.execute(
      `create table item (id int primary key auto_increment, note varchar(200));
       create table part (id int primary key); insert into part values (1)`,
    )
  })
  afterEach(async () => {
    running?.process.kill('SIGKILL')
    await running?.finished
    running = null
    await link.close()
    await shop.close()
    await schema.drop()
  })

  const status = async (): Promise<Status | null> => {
    const { code, stdout } = await shop.run('status', '--json')
    return code === 0 ? (JSON.parse(stdout) as Status) : null
  }

  it(
    'one that is lost within a transaction larger than memory costs nothing but that commit, of that source alone',
    async () => {
      await shop.configure(
        ['item'],
        ...['  direct:', '    type: mysql', `    url: ${schema.url}`, '    tables: { part: { as: part } }'],
      )
      running = shop.start('run')
      const before = await until('both are read', async () => {
        const now = await status()
        return now?.sources.length === 2 && now.sources.every(({ loaded }) => loaded) ? now : null
      })
      link.holdAfter(8 * mebibyte)
      await schema.execute(
        `insert into item (note) with recursive n as (select 1 as i union all select i + 1 from n where i < 1000)
         select repeat('x', 180) from n a, (select 1 from n where i <= 100) b`,
      )
      await until('the writer waits for the rest of the transaction', async () => {
        const waiting = await shop.warehouse.query(
          `select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'
            and application_name like 'syncline term %' and state_change < clock_timestamp() - interval '1 second'`,
        )
        return waiting.length > 0 ? true : null
      })
      link.cut()
      await schema.execute('insert into part values (2)')
      await until('the other source goes on', async () =>
        (await shop.mirrored('part'))?.length === 2 ? true : null,
      )
      expect(await shop.mirrored('item')).toEqual([])
      link.release()
      await until('the transaction is there', async () => {
        const [count] = await shop.warehouse.one('select count(*) from warehouse.item')
        return count === '100000' ? true : null
      })
      expect((await status())?.leader).toEqual(before.leader)
      expect(running.stderr()).not.toContain('the warehouse took no commit')
      running.process.kill('SIGTERM')
      expect(await running.finished).toMatchObject({ code: 0 })
    },
    3 * minutes,
  )
})
