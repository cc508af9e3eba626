import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Session } from '../../src/state/session.ts'
import type { Status } from '../../src/daemon/status.ts'
import { mysqlServers } from '../support/mysql.ts'
import { until } from '../support/until.ts'
import { internalSession, startVendorMatch, type VendorMatchSystem } from '../support/vendor-match.ts'

interface Verified {
  readonly compared: number
  readonly missing: number
  readonly different: number
  readonly extra: number
  readonly sample: readonly { readonly id: string; readonly kind: string }[]
  readonly repaired: boolean
}

describe.each(mysqlServers)('verify on $flavour', (server) => {
  let system: VendorMatchSystem
  let daemon: ReturnType<VendorMatchSystem['start']>
  let warehouse: Session

  const verify = (...options: string[]): Promise<Verified & { code: number | null }> =>
    verifyStream('internal_user', ...options)

  const verifyStream = async (
    stream: string,
    ...options: string[]
  ): Promise<Verified & { code: number | null }> => {
    const { code, stdout, stderr } = await system.run('verify', stream, '--json', ...options)
    if (stdout === '') throw new Error(stderr)
    return { code, ...(JSON.parse(stdout) as Verified) }
  }

  beforeAll(async () => {
    system = await startVendorMatch({ server, internal: 5_000, vendor: 300, chunkRows: 500 })
    const file = join(system.folder, 'syncline.yaml')
    const yaml = await readFile(file, 'utf8')
    // One table is compared in the background at once, and not again while this test runs.
    await writeFile(
      file,
      yaml.replace(/^( +)tables:/m, '$1audit: { every: 1d, rowsPerSecond: 5000 }\n$1tables:'),
    )
    daemon = system.start('run')
    warehouse = await Session.connect({ url: system.database?.url ?? '', applicationName: 'test' })
    await until('all is read', async () => {
      const { code, stdout } = await system.run('status', '--json')
      if (code !== 0) return null
      const { sources } = JSON.parse(stdout) as Status
      return sources.length === 2 && sources.every(({ loaded }) => loaded) ? true : null
    })
  }, 120_000)
  afterAll(async () => {
    daemon.process.kill('SIGTERM')
    await daemon.finished
    await warehouse.close()
    await system.close()
  })

  it('is done in the background as often as is configured, and its result stands in the status', async () => {
    const { audits } = await until('all streams are compared', async () => {
      const { stdout } = await system.run('status', '--json')
      const status = JSON.parse(stdout) as Status
      const finished = status.audits.filter(({ finishedAt }) => finishedAt !== null)
      return finished.length === 2 ? status : null
    })
    expect(audits).toMatchObject([
      { stream: 'internal_practice', compared: 100, missing: 0, different: 0, extra: 0 },
      { stream: 'internal_user', compared: 5_000, missing: 0, different: 0, extra: 0 },
    ])
    expect((await system.run('status')).stdout).toContain('verified internal_user: 5,000 rows, all equal')
  })

  it('finds both sides equal while somebody writes without a pause', async () => {
    const writer = await internalSession(system)
    const writing = { on: true, statements: 0 }
    const work = (async () => {
      for (; writing.on; writing.statements++) {
        const id = 1 + ((writing.statements * 7919) % 5_000)
        await writer.query('update user set classification = ? where id = ?', [`c${writing.statements}`, id])
        await writer.query(`insert into user (firstname, lastname) values ('new', 'comer')`)
        await writer.query('delete from user where id = ?', [1 + ((writing.statements * 104729) % 5_000)])
      }
    })()
    try {
      const { code, missing, different, extra, sample, compared } = await verify()
      expect({ code, missing, different, extra, sample }).toEqual({
        ...{ code: 0, missing: 0, different: 0, extra: 0 },
        sample: [],
      })
      expect(compared).toBeGreaterThan(1_000)
      expect(writing.statements).toBeGreaterThan(10)
    } finally {
      writing.on = false
      await work
      await writer.query(`insert into user (firstname, lastname) values ('last', 'of all')`)
      await writer.end()
    }
    await until('the last that was written has arrived', async () => {
      const found = await warehouse.query(`select from warehouse.internal_user where lastname = 'of all'`)
      return found.length > 0 ? true : null
    })
  })

  it('finds what somebody did to the warehouse, leaves it, and repairs it when told to', async () => {
    const ids = (await warehouse.query('select id from warehouse.internal_user order by id limit 3')).map(
      ([id]) => id ?? '',
    )
    const [changed = '', gone = ''] = ids
    await warehouse.query(`update warehouse.internal_user set lastname = 'Tampered' where id = $1::integer`, [
      changed,
    ])
    await warehouse.query('delete from warehouse.internal_user where id = $1::integer', [gone])
    await warehouse.query(`insert into warehouse.internal_user (id, lastname) values (999999999, 'Ghost')`)
    const found = await verify()
    expect(found).toMatchObject({ code: 1, missing: 1, different: 1, extra: 1, repaired: false })
    expect(found.sample).toEqual(
      expect.arrayContaining([
        { id: changed, kind: 'different' },
        { id: gone, kind: 'missing' },
        { id: '999999999', kind: 'extra' },
      ]),
    )
    expect(await verify('--repair')).toMatchObject({
      code: 0,
      missing: 1,
      different: 1,
      extra: 1,
      repaired: true,
    })
    expect(await verify()).toMatchObject({ code: 0, missing: 0, different: 0, extra: 0 })
  })

  it('compares what the API has, too, and repairs it', async () => {
    const equal = { missing: 0, different: 0, extra: 0 }
    expect(await verifyStream('vendor_user')).toMatchObject({ code: 0, compared: 300, ...equal })
    const [id] = await warehouse.one(
      `update warehouse.vendor_user set lastname = 'Tampered'
        where id = (select min(id) from warehouse.vendor_user) returning id`,
    )
    expect(await verifyStream('vendor_user')).toMatchObject({
      ...{ code: 1, different: 1, repaired: false },
      sample: [{ id, kind: 'different' }],
    })
    expect(await verifyStream('vendor_user', '--repair')).toMatchObject({ code: 0, repaired: true })
    expect(await verifyStream('vendor_user')).toMatchObject({ code: 0, ...equal })
  })
})
