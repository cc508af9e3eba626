import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Status } from '../../src/daemon/status.ts'
import type { Finished, Running } from '../support/program.ts'
import { mysqlServers, testSchema, type TestSchema } from '../support/mysql.ts'
import { Shop } from '../support/shop.ts'
import { until } from '../support/until.ts'

const minutes = 60_000

describe.each(mysqlServers)('what is asked of a running Syncline on $flavour', (server) => {
  let schema: TestSchema
  let shop: Shop
  let running: Running | null = null

  beforeEach(async () => {
    schema = await testSchema(server)
    shop = await Shop.open(schema.url)
    await schema.execute(
      `create table item (id int primary key auto_increment, n int);
       create table part (id int primary key, n int);
       insert into item (n) values ${Array.from({ length: 200 }, (_, n) => `(${n})`).join(', ')};
       insert into part values (1, 10), (2, 20)`,
    )
  })
  afterEach(async () => {
    running?.process.kill('SIGKILL')
    await running?.finished
    running = null
    await shop.close()
    await schema.drop()
  })

  const start = async (tables: readonly string[], ...more: readonly string[]): Promise<void> => {
    await shop.configure(tables, ...more)
    running = shop.start('run')
    await until('all is read', async () => ((await source())?.loaded === true ? true : null))
  }
  const source = async (): Promise<Status['sources'][number] | undefined> => {
    const { code, stdout } = await shop.run('status', '--json')
    return code === 0 ? (JSON.parse(stdout) as Status).sources[0] : undefined
  }
  const verify = async (stream: string, ...options: string[]): Promise<Finished & { found: unknown }> => {
    const finished = await shop.run('verify', stream, '--json', ...options)
    return { ...finished, found: finished.stdout === '' ? null : JSON.parse(finished.stdout) }
  }
  const finishedAudits = async (stream: string): Promise<string | null> => {
    const [row] = await shop.warehouse.query(
      'select finished_at from syncline.audit where stream = $1 and finished_at is not null',
      [stream],
    )
    return row?.[0] ?? null
  }

  it(
    'a comparison does not wait for the slow one in the background, and is not answered by it',
    async () => {
      await start(['item'], '    audit: { every: 1d, rowsPerSecond: 1 }')
      await until('the one in the background has compared some rows', async () => {
        const found = await shop.warehouse.query('select from syncline.audit where compared > 0')
        return found.length > 0 ? true : null
      })
      await shop.warehouse.query('update warehouse.item set n = -1 where id = 1')
      expect((await verify('item')).found).toMatchObject({ compared: 200, different: 1, repaired: false })
      expect((await verify('item', '--repair')).found).toMatchObject({ different: 1, repaired: true })
      expect((await verify('item')).found).toMatchObject({ compared: 200, different: 0 })
    },
    2 * minutes,
  )

  it(
    'a stream that is not followed is refused with the reason and the cure, and holds up no comparison of others',
    async () => {
      await start(['item', 'part'], '    audit: { every: 1s, rowsPerSecond: 100 }')
      await until('both are compared in the background', async () =>
        (await finishedAudits('item')) !== null && (await finishedAudits('part')) !== null ? true : null,
      )
      await schema.execute('drop table part')
      await until('it is stopped', async () => (await source())?.stopped?.['part'] ?? null)
      for (const [command, reason] of [
        ['verify', 'was dropped'],
        ['resync', 'there is no table'],
      ] as const) {
        const { code, stderr } = await shop.run(command, 'part')
        expect(stderr).toContain(reason)
        expect(stderr).toContain('syncline resync part')
        expect(code).toBe(78)
      }
      const last = await finishedAudits('item')
      await until('the other is compared again', async () => {
        const now = await finishedAudits('item')
        return now !== null && now !== last ? true : null
      })
      await schema.execute('create table part (id int primary key, n int); insert into part values (3, 30)')
      expect(await shop.run('resync', 'part')).toMatchObject({ code: 0 })
      expect(await shop.mirrored('part')).toEqual(['(3,30)'])
      expect((await verify('part')).found).toMatchObject({ compared: 1, missing: 0, extra: 0 })
    },
    2 * minutes,
  )

  it('a source that is paused is refused, too, and does what is asked once it is resumed', async () => {
    await start(['item'])
    expect(await shop.run('pause', 'shop')).toMatchObject({ code: 0 })
    for (const command of ['verify', 'resync']) {
      const { code, stderr } = await shop.run(command, 'item')
      expect(stderr).toContain('the source shop is paused')
      expect(stderr).toContain('syncline resume shop')
      expect(code).toBe(64)
    }
    await schema.execute('update item set n = -5 where id = 7')
    expect(await shop.run('resume', 'shop')).toMatchObject({ code: 0 })
    expect(await shop.run('resync', 'item')).toMatchObject({ code: 0 })
    expect(await shop.mirrored('item')).toContain('(7,-5)')
    expect((await verify('item')).found).toMatchObject({ different: 0, missing: 0, extra: 0 })
  })

  it(
    'is still done when whoever waits for it stops waiting',
    async () => {
      await start(['item'])
      running?.process.kill('SIGSTOP')
      const asked = shop.start('resync', 'item')
      await until('it is asked for', async () =>
        (await shop.warehouse.query("select from syncline.command where kind = 'resync'")).length > 0
          ? true
          : null,
      )
      asked.process.kill('SIGTERM')
      const { code, stderr } = await asked.finished
      expect(code).toBe(75)
      expect(stderr).toContain('will still be done')
      running?.process.kill('SIGCONT')
      await until('it is done', async () => {
        const [done] = await shop.warehouse.query("select from syncline.command where state = 'done'")
        return done === undefined ? null : true
      })
    },
    minutes,
  )
})
