import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Status } from '../../src/daemon/status.ts'
import { FlakyLink } from '../support/flaky-link.ts'
import { mysqlServers, testSchema, type TestSchema } from '../support/mysql.ts'
import type { Running } from '../support/program.ts'
import { Shop } from '../support/shop.ts'
import { until } from '../support/until.ts'

const minutes = 60_000

describe('a running Syncline', () => {
  let schema: TestSchema
  let warehouse: FlakyLink
  let shop: Shop
  const running: Running[] = []

  beforeEach(async () => {
    const [server] = mysqlServers
    if (!server) throw new Error('no MySQL server')
    schema = await testSchema(server)
    shop = await Shop.open(schema.url)
    warehouse = await FlakyLink.before(shop.database.url)
    shop.warehouseUrl = warehouse.url
    await schema.execute(
      `create table item (id int primary key auto_increment, n int);
       create table part (id int primary key, n int); insert into part values (1, 1);
       insert into item (n) values ${Array.from({ length: 2_000 }, (_, n) => `(${n})`).join(', ')}`,
    )
  })
  afterEach(async () => {
    for (const { process, finished } of running.splice(0)) {
      process.kill('SIGKILL')
      await finished
    }
    await warehouse.close()
    await shop.close()
    await schema.drop()
  })

  const start = (): Running => {
    const one = shop.start('run')
    running.push(one)
    return one
  }
  const mirrors = (table: string, rows: number, withinMs?: number): Promise<true> =>
    until(
      `${table} has ${rows} rows`,
      async () => ((await shop.mirrored(table))?.length === rows ? true : null),
      withinMs,
    )
  const says = (one: Running, text: string): Promise<true> =>
    until(`it says ${text}`, () => Promise.resolve(one.stderr().includes(text) || null))

  it(
    'comes back by itself when the warehouse was down, and status says that it is',
    async () => {
      await shop.configure(['item'])
      const daemon = start()
      await mirrors('item', 2_000)
      await warehouse.down()
      await schema.execute('insert into item (n) values (-1)')
      await says(daemon, 'retryInMs')
      const { code, stderr } = await shop.run('status')
      expect(code).toBe(69)
      expect(stderr).toContain('ECONNREFUSED')
      await warehouse.up()
      await mirrors('item', 2_001)
      const { stdout } = await shop.run('status', '--json')
      expect((JSON.parse(stdout) as Status).sources[0]).toMatchObject({ live: true, failure: null })
      expect(await stopped(daemon)).toBe(0)
    },
    2 * minutes,
  )

  it('ends with 0 when it is asked to stop while the warehouse is down', async () => {
    await shop.configure(['item'])
    const daemon = start()
    await mirrors('item', 2_000)
    await warehouse.down()
    await says(daemon, 'retryInMs')
    expect(await stopped(daemon)).toBe(0)
    await warehouse.up()
  })

  it(
    'gives up a warehouse that swallows what is sent, and ends when it is asked to',
    async () => {
      await shop.configure(['item'])
      const daemon = start()
      await mirrors('item', 2_000)
      warehouse.swallow()
      await schema.execute('insert into item (n) values (-1)')
      await mirrors('item', 2_001, minutes)
      expect(daemon.stderr()).toContain('warehouse-silent')
      expect(await stopped(daemon)).toBe(0)
    },
    2 * minutes,
  )

  it(
    'ends with 0 when it is asked to stop while nothing comes from the warehouse',
    async () => {
      await shop.configure(['item'])
      const daemon = start()
      await mirrors('item', 2_000)
      warehouse.hold()
      await schema.execute('insert into item (n) values (-1)')
      expect(await stopped(daemon)).toBe(0)
      warehouse.release()
    },
    2 * minutes,
  )

  it(
    'goes on when its sessions are killed at random',
    async () => {
      await shop.configure(['item'])
      const daemon = start()
      await mirrors('item', 2_000)
      for (let blow = 0; blow < 12; blow++) {
        await schema.execute('insert into item (n) values (?)', [blow])
        await shop.warehouse.query(
          `select pg_terminate_backend(pid) from (select pid from pg_stat_activity
            where datname = current_database() and application_name like 'syncline%' order by random() limit ${1 + (blow % 2)}) one`,
        )
      }
      await mirrors('item', 2_012)
      expect(await stopped(daemon)).toBe(0)
    },
    2 * minutes,
  )

  async function stopped({ process, finished }: Running): Promise<number | null> {
    process.kill('SIGTERM')
    const { code, stderr } = await finished
    expect(stderr).not.toContain('"level":"fatal"')
    return code
  }
})
