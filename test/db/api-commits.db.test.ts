import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startVendorSimulator, type VendorSimulator } from '../../examples/vendor-match/simulator.ts'
import { judgedStreams } from '../../src/daemon/judged-streams.ts'
import { StoppingError } from '../../src/runtime/errors.ts'
import { packageFile } from '../../src/runtime/package-file.ts'
import { findAudit, type AuditReport } from '../../src/state/audits.ts'
import { ledgerOf } from '../../src/state/ledger.ts'
import { readPosition } from '../../src/state/positions.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { runSource } from '../../src/warehouse/runner.ts'
import { manualSchedule } from '../support/followed-source.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { vendorSource, vendorUser, vendorUsers } from '../support/vendor-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { watchWrittenRows } from '../support/written-rows.ts'

let simulator: VendorSimulator
let database: TestDatabase
let warehouse: TestWarehouse
let reader: Session

beforeEach(async () => {
  simulator = await startVendorSimulator({ users: vendorUsers(84), pageSize: 10, etags: true })
  database = await testDatabase()
  warehouse = await openTestWarehouse(database.url, [])
  reader = await Session.connect({ url: database.url, applicationName: 'test' })
})

afterEach(async () => {
  await reader.close()
  await warehouse.close()
  await database.drop()
  await simulator.close()
})

type Options = Parameters<typeof vendorSource>[1]

/** Reads until the source ends or `isEnough` and commits as a run does. */
async function read(
  source: ReturnType<typeof vendorSource>,
  isEnough: () => Promise<boolean> = () => Promise.resolve(false),
): Promise<number> {
  const stop = new AbortController()
  let commits = 0
  try {
    await runSource({
      source,
      after: await readPosition(reader, source.name),
      ledger: ledgerOf(reader, source.name),
      signal: stop.signal,
      bufferBytes: 2 ** 20,
      commit: async (batch) => {
        await commitBatch(warehouse.session, source, batch, warehouse.state)
        commits++
        for (const stream of judgedStreams(batch)) {
          const refusal = warehouse.state.refusal(stream)
          if (refusal !== null) throw refusal
        }
        if (await isEnough()) stop.abort(new StoppingError())
      },
    })
  } catch (error) {
    if (!(error instanceof StoppingError)) throw error
  } finally {
    await source.close()
  }
  return commits
}

const sweep = (options: Options = {}): Promise<number> => read(vendorSource(simulator, options))

const countOf = async (table: string): Promise<number> =>
  Number((await reader.one(`select count(*) from warehouse.${table}`))[0])

describe('what a sweep writes', () => {
  test('of unchanged pages is their times in the ledger, in one commit for many pages', async () => {
    for (let run = 0; run < 2; run++) await sweep()
    const lines = (): Promise<(string | null)[][]> =>
      reader.query(
        `select key, value - 'readAt' from syncline.ledger where key not in ('sweep', 'delivered') order by key`,
      )
    const before = await lines()
    const [bodies, requests] = [simulator.bodyBytes, simulator.requests.length]
    const written = await watchWrittenRows(reader)
    const [ledgerRows] = await reader.one('select max(xmin::text::bigint) from syncline.ledger')
    expect(await sweep()).toBe(1)
    expect(await written()).toEqual({})
    expect(await lines()).toEqual(before)
    const touched = await reader.query(
      `select distinct split_part(key, '/', 1) from syncline.ledger where xmin::text::bigint > $1::bigint order by 1`,
      [ledgerRows ?? '0'],
    )
    expect(touched.flat()).toEqual(['delivered', 'read', 'sweep'])
    expect(simulator.requests.length - requests).toBe(9)
    expect(simulator.bodyBytes).toBe(bodies)
  })

  test('is the one user that changed when the order shifts by one over all pages', async () => {
    for (let run = 0; run < 2; run++) await sweep()
    simulator.remove(84)
    simulator.insert(vendorUser(84, { lastname: 'Lean' }), 0)
    const written = await watchWrittenRows(reader)
    await sweep()
    expect(await written()).toEqual({ 'warehouse.vendor_user': 1 })
    expect(await reader.query(`select lastname from warehouse.vendor_user where id = 84`)).toEqual([['Lean']])
  })
})

describe('so many records are missing after all was read anew that it must be a mistake', () => {
  test('they stay and the run asks, until it is told that they may go', async () => {
    await sweep({ name: 'former' })
    for (let id = 1; id <= 20; id++) simulator.remove(id)
    // Under another name the source has no ledger that could tell: only the mirror does.
    const asks = { code: 'mass-disappearance', message: expect.stringContaining('20 of 84') as string }
    await sweep()
    for (let run = 0; run < 2; run++) await expect(sweep()).rejects.toMatchObject(asks)
    expect(await countOf('vendor_user')).toBe(84)
    await sweep({ maxDeletedShare: 0.5 })
    expect(await countOf('vendor_user')).toBe(64)
    for (let run = 0; run < 2; run++) await sweep()
    expect(await reader.query(`select key from syncline.ledger where key like 'refused/%'`)).toEqual([])
  })

  test('they stay, however many others the wrong API has', async () => {
    await sweep({ name: 'former' })
    simulator.setUsers(vendorUsers(840, 1_000))
    await sweep()
    for (let run = 0; run < 2; run++) {
      await expect(sweep()).rejects.toMatchObject({
        code: 'mass-disappearance',
        message: expect.stringContaining('84 of 84 known records (100%)') as string,
      })
    }
    expect(await countOf('vendor_user where id < 1000')).toBe(84)
  })

  test('they are deleted by the first sweeps after which they are few again, without a word', async () => {
    await sweep({ name: 'former' })
    for (let id = 1; id <= 20; id++) simulator.remove(id)
    await sweep()
    await expect(sweep()).rejects.toMatchObject({ code: 'mass-disappearance' })
    for (const user of vendorUsers(15)) simulator.insert(user)
    for (let run = 0; run < 2; run++) await sweep()
    expect(await countOf('vendor_user')).toBe(79)
  })
})

describe('a comparison with the API', () => {
  /** Follows with a budget until the comparison that is asked for has ended. */
  async function verify(options: Options = {}): Promise<AuditReport> {
    const { startSchedule } = manualSchedule()
    const source = vendorSource(simulator, { follow: true, startSchedule, ...options })
    const [started] = await reader.one('select clock_timestamp()::text')
    source.audit?.('vendor_user')
    await read(source, async () => {
      const found = await reader.query(
        'select from syncline.audit where began_at > $1::timestamptz and finished_at is not null',
        [started ?? ''],
      )
      return found.length > 0
    })
    const report = await findAudit(reader, 'vendor_user')
    if (report === null) throw new Error('nothing was compared')
    return report
  }

  const equal = { missing: 0, different: 0, extra: 0 }

  test('finds what somebody did to the mirror and leaves it as it is', async () => {
    await sweep()
    expect(await verify()).toMatchObject({ compared: 84, ...equal })
    const { session } = warehouse
    await session.query(`update warehouse.vendor_user set lastname = 'Tampered' where id = 3`)
    await session.query('delete from warehouse.vendor_user where id = 50')
    await session.query(`insert into warehouse.vendor_user (id, lastname) values (999, 'Ghost')`)
    for (let again = 0; again < 2; again++) {
      const { sample, ...counts } = await verify()
      expect(counts).toMatchObject({ compared: 84, missing: 1, different: 1, extra: 1 })
      expect(sample.map(({ id, kind }) => `${kind} ${id}`).sort()).toEqual([
        'different 3',
        'extra 999',
        'missing 50',
      ])
    }
  })

  test('takes no change, move or deletion that comes meanwhile for a difference', async () => {
    await sweep()
    const meanwhile = (page: number, act: () => void): void => {
      simulator.faults.add({ kind: 'meanwhile', pages: [page], times: 1, act })
    }
    meanwhile(2, () => {
      simulator.remove(1)
    })
    meanwhile(4, () => {
      simulator.update(33, { lastname: 'Lean' })
    })
    meanwhile(5, () => {
      simulator.insert(vendorUser(100), 0)
    })
    meanwhile(7, () => {
      simulator.update(2, { lastname: 'Lean' })
    })
    expect(await verify({ concurrency: 1 })).toMatchObject({ compared: 84, ...equal })
    expect(await countOf('vendor_user')).toBe(84)
  })

  test('begins anew when the source is opened again in the middle of it', async () => {
    await sweep()
    const source = vendorSource(simulator, { follow: true, startSchedule: manualSchedule().startSchedule })
    source.audit?.('vendor_user')
    const { signal } = new AbortController()
    const committed = { after: await readPosition(reader, 'vendor'), ledger: ledgerOf(reader, 'vendor') }
    for await (const { audit } of source.open({ ...committed, signal })) {
      expect(audit).toMatchObject({ first: true, last: false })
      break
    }
    const parts: boolean[] = []
    for await (const { audit } of source.open({ ...committed, signal })) {
      if (audit !== undefined) parts.push(audit.first)
      if (audit?.last === true) break
    }
    expect(parts.indexOf(true)).toBe(0)
    expect(parts.filter((first) => first)).toHaveLength(1)
    expect(parts).toHaveLength(10)
    await source.close()
  })
})

describe('a new version of the API', () => {
  test('is compared with the present one by the statements of the documentation, and then only what differs is written', async () => {
    const docs = await readFile(packageFile('docs', 'http-sources.md'), 'utf8')
    const statements = [...docs.matchAll(/^ {4}(select \* from warehouse\.vendor_user.*);$/gm)].map(
      ([, statement = '']) => statement,
    )
    expect(statements).toHaveLength(2)
    const next = await startVendorSimulator({ users: vendorUsers(84), pageSize: 25, path: '/api/v2/users' })
    try {
      next.update(7, { specialty: 'Oncology' })
      next.insert(vendorUser(100))
      await sweep()
      await read(vendorSource(next, { name: 'vendor_next', stream: 'vendor_user_next' }))
      const [gone, come] = await Promise.all(statements.map(async (statement) => reader.query(statement)))
      expect(gone?.map(([id]) => id)).toEqual(['7'])
      expect(come?.map(([id]) => id).sort()).toEqual(['100', '7'])
      const written = await watchWrittenRows(reader)
      await read(vendorSource(next))
      expect(await written()).toEqual({ 'warehouse.vendor_user': 2 })
    } finally {
      await next.close()
    }
  })
})
