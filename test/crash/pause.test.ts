import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Session } from '../../src/state/session.ts'
import { mysqlServers, testSchema, type TestSchema } from '../support/mysql.ts'
import type { Running } from '../support/program.ts'
import { Shop } from '../support/shop.ts'
import { until } from '../support/until.ts'

const minutes = 60_000

describe.each(mysqlServers)('a leader over $flavour that is paused within a transaction', (server) => {
  let schema: TestSchema
  let shop: Shop
  const processes: Running[] = []
  beforeEach(async () => {
    schema = await testSchema(server)
    shop = await Shop.open(schema.url)
    await schema.execute('create table item (id int primary key, v int); insert into item values (1, 1)')
    await shop.configure(['item'])
  })
  afterEach(async () => {
    for (const { process, finished } of processes.splice(0)) {
      process.kill('SIGKILL')
      await finished
    }
    await shop.close()
    await schema.drop()
  })

  const start = (): Running => {
    const running = shop.start('run')
    processes.push(running)
    return running
  }
  const waits = (running: Running): Promise<unknown> =>
    until('it waits as a standby', () =>
      Promise.resolve(running.stderr().includes('waiting for the writer before us') || null),
    )
  const mirrorIs = (...rows: string[]): Promise<unknown> =>
    until(`the mirror is ${rows.join()}`, async () => {
      return JSON.stringify(await shop.mirrored('item')) === JSON.stringify(rows) || null
    })
  const holder = async (): Promise<string> =>
    (await shop.warehouse.one('select holder from syncline.lease'))[0] ?? ''
  const sessionsIn = async (state: string): Promise<number> =>
    Number(
      (
        await shop.warehouse.one(
          `select count(*) from pg_stat_activity
            where datname = current_database() and application_name = 'syncline term 1' and ${state}`,
        )
      )[0],
    )

  /** Its commit waits for a lock of ours; when it is stopped the lock goes, and its transaction stays open. */
  async function pauseInTransaction(leader: Running): Promise<void> {
    const blocker = await Session.connect({ url: shop.database.url, applicationName: 'test' })
    await blocker.query('begin')
    await blocker.query('lock table warehouse.item in share mode')
    await schema.execute('insert into item values (2, 1)')
    await until('its commit waits', async () => (await sessionsIn(`wait_event_type = 'Lock'`)) === 1 || null)
    leader.process.kill('SIGSTOP')
    await blocker.query('rollback')
    await blocker.close()
    await until(
      'its transaction is open and nobody works on it',
      async () => (await sessionsIn(`state = 'idle in transaction'`)) === 1 || null,
    )
  }

  it(
    'blocks nobody and can never commit; when it goes on it is a standby',
    async () => {
      const first = start()
      await mirrorIs('(1,1)')
      const second = start()
      await waits(second)
      await pauseInTransaction(first)

      await schema.execute('update item set v = 2; insert into item values (3, 3)')
      await mirrorIs('(1,2)', '(2,2)', '(3,3)')
      expect(await holder()).toContain(`pid ${second.process.pid} `)
      expect(await sessionsIn('true')).toBe(0)

      first.process.kill('SIGCONT')
      await waits(first)
      await schema.execute('delete from item where id = 2')
      await mirrorIs('(1,2)', '(3,3)')
      expect(await holder()).toContain(`pid ${second.process.pid} `)

      second.process.kill('SIGKILL')
      await schema.execute('insert into item values (4, 4)')
      await mirrorIs('(1,2)', '(3,3)', '(4,4)')
      expect(await holder()).toContain(`pid ${first.process.pid} `)
      expect((await shop.run('verify', 'item')).code).toBe(0)
      first.process.kill('SIGTERM')
      expect(await first.finished).toMatchObject({ code: 0 })
    },
    3 * minutes,
  )
})
