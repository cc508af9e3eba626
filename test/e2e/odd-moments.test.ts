import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Status } from '../../src/daemon/status.ts'
import { mysqlServers, testSchema, type TestSchema } from '../support/mysql.ts'
import type { Finished, Running } from '../support/program.ts'
import { Shop } from '../support/shop.ts'
import { until } from '../support/until.ts'

const minutes = 60_000
const rows = 6_000

describe.each(mysqlServers)('at odd moments, on $flavour,', (server) => {
  let schema: TestSchema
  let shop: Shop
  const running: Running[] = []

  beforeEach(async () => {
    schema = await testSchema(server)
    shop = await Shop.open(schema.url)
    await schema.execute(
      `create table item (id int primary key auto_increment, n int);
       create table part (id int primary key, n int); insert into part values (1, 1);
       insert into item (n) with recursive n as (select 1 as i union all select i + 1 from n where i < 200)
         select a.i from n a, (select 1 from n where i <= ${rows / 200}) b`,
    )
    await shop.configure(['item'])
  })
  afterEach(async () => {
    for (const { process, finished } of running.splice(0)) {
      process.kill('SIGKILL')
      await finished
    }
    await shop.close()
    await schema.drop()
  })

  const start = (...args: string[]): Running => {
    const one = shop.start(...args)
    running.push(one)
    return one
  }
  const end = async ({ process, finished }: Running, signal: NodeJS.Signals): Promise<Finished> => {
    process.kill(signal)
    return finished
  }
  const count = async (table: string): Promise<number> => {
    const [present] = await shop.warehouse.one('select to_regclass($1) is not null', [`warehouse.${table}`])
    if (present !== 't') return -1
    return Number((await shop.warehouse.one(`select count(*) from warehouse."${table}"`))[0])
  }
  const mirrors = (table: string, wanted: number): Promise<true> =>
    until(`${table} has ${wanted} rows`, async () => ((await count(table)) === wanted ? true : null))
  const resyncing = (): Promise<true> =>
    until('a resync is under way', async () => {
      const found = await shop.warehouse.query('select from syncline.stream where resync is not null')
      return found.length > 0 ? true : null
    })
  const verified = async (stream: string): Promise<void> => {
    const { code, stdout, stderr } = await shop.run('verify', stream, '--json')
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ missing: 0, different: 0, extra: 0 })
  }

  it(
    'a stop in the first snapshot, a resync or a comparison ends with 0, and all that was asked is done by the next',
    async () => {
      const first = start('run')
      await until('the snapshot is under way', async () => ((await count('item')) > 0 ? true : null))
      expect(await end(first, 'SIGTERM')).toMatchObject({ code: 0 })

      const second = start('run')
      await mirrors('item', rows)
      const resync = start('resync', 'item')
      await resyncing()
      expect(await end(second, 'SIGTERM')).toMatchObject({ code: 0 })
      // Who asks leads as long as nobody else does.
      expect(await resync.finished).toMatchObject({ code: 0 })

      const third = start('run')
      await mirrors('item', rows)
      const verify = start('verify', 'item', '--json')
      await until('a comparison is under way', async () => {
        const found = await shop.warehouse.query('select from syncline.audit where finished_at is null')
        return found.length > 0 ? true : null
      })
      expect(await end(third, 'SIGINT')).toMatchObject({ code: 0 })
      const { code, stdout } = await verify.finished
      expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({ code: 0, compared: rows, extra: 0 })
      await verified('item')
    },
    3 * minutes,
  )

  it('a standby ends with 0 when it is stopped, and goes on waiting when it is hung up', async () => {
    start('run')
    await mirrors('item', rows)
    const standby = start('run')
    const waits = (times: number): Promise<true> =>
      until('it waits', () =>
        Promise.resolve(standby.stderr().split('waiting for the writer before us').length > times || null),
      )
    await waits(1)
    standby.process.kill('SIGHUP')
    await waits(2)
    expect(await end(standby, 'SIGTERM')).toMatchObject({ code: 0 })
  })

  it(
    'a table that is added and removed by a hang-up while another one is read anew disturbs nothing',
    async () => {
      const daemon = start('run')
      await mirrors('item', rows)
      const resync = start('resync', 'item')
      await resyncing()
      await shop.configure(['item', 'part'])
      daemon.process.kill('SIGHUP')
      await mirrors('part', 1)
      expect(await resync.finished).toMatchObject({ code: 0 })
      const again = start('resync', 'item')
      await resyncing()
      await shop.configure(['item'])
      daemon.process.kill('SIGHUP')
      expect(await again.finished).toMatchObject({ code: 0 })
      expect(await count('part')).toBe(1)
      await verified('item')
      const { stdout } = await shop.run('status', '--json')
      expect((JSON.parse(stdout) as Status).leader?.holder).toContain(`pid ${daemon.process.pid} `)
    },
    3 * minutes,
  )

  // Under kills it takes a while: a command is begun anew by each who leads.
  it(
    'two that take turns at being killed do every command that was left to them',
    async () => {
      const asked: Running[] = []
      let leader = start('run')
      await mirrors('item', rows)
      for (let blow = 0; blow < 4; blow++) {
        const next = start('run')
        asked.push(start(blow % 2 === 0 ? 'resync' : 'verify', 'item'))
        await schema.execute('update item set n = -1 - n where id % 7 = ?', [blow])
        await until('it waits', () =>
          Promise.resolve(next.stderr().includes('waiting for the writer before us') || null),
        )
        leader.process.kill('SIGKILL')
        leader = next
        // One that started now might be quicker than it.
        await until('it leads', async () => {
          const [[holder = ''] = []] = await shop.warehouse.query('select holder from syncline.lease')
          return holder?.includes(`pid ${next.process.pid} `) === true || null
        })
      }
      for (const one of asked) expect(await one.finished).toMatchObject({ code: 0 })
      await verified('item')
      const open = await shop.warehouse.query('select from syncline.command where finished_at is null')
      expect(open).toEqual([])
    },
    3 * minutes,
  )
})
