import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { ChangeBatch } from '../../../src/changes/change-batch.ts'
import type { Json } from '../../../src/changes/ledger.ts'
import { WorkingLedger } from '../../../src/poller/working-ledger.ts'
import { Mirror } from '../../support/mirror.ts'
import { sweptVendor } from '../../support/swept-vendor.ts'
import { vendorUser, vendorUsers } from '../../support/vendor-source.ts'

const vendor = sweptVendor({ users: 42, pageSize: 10 })
const { sweep, lastname } = vendor

describe('the order shifts', () => {
  const insert = (count: number): void => {
    for (const user of vendorUsers(count, 100)) vendor.simulator.insert(user, 0)
  }
  const remove = (): void => {
    vendor.simulator.remove(1)
  }
  test.each([
    ['by one, forwards', insert, 1],
    ['by a page and a half, forwards', insert, 15],
    ['by one, backwards', remove, 0],
  ])('%s: only new users are delivered and nothing is left over', async (_, shift, added) => {
    await sweep()
    shift(added)
    expect(await sweep()).toMatchObject({ upserts: added })
    await sweep()
    await sweep()
    const { mirrored, served } = vendor.rows()
    expect(mirrored).toEqual(served)
    expect(vendor.mirror.ledgerKeys().filter((key) => key.startsWith('left/'))).toEqual([])
  })
})

describe('an id that stands on two pages with different values', () => {
  test('has the other value when one of them goes', async () => {
    vendor.simulator.insert(vendorUser(5, { lastname: 'Lean' }), 31)
    await sweep()
    expect(lastname(5)).toBe('Lean')
    const users = [...vendor.simulator.users()]
    vendor.simulator.setUsers(users.filter((user) => user.lastname !== 'Lean'))
    await sweep()
    await sweep()
    expect(lastname(5)).toBe('Baughman 5')
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(42)
  })
})

describe('a stream that another source has filled', () => {
  test('keeps none of its records that the API does not have, once two sweeps agree', async () => {
    await sweep()
    const other = Mirror.copyOf(vendor.mirror)
    // What another name in the configuration makes of it: no position, no ledger, and the rows are there.
    vendor.mirror = Mirror.renamedSource(other)
    vendor.simulator.setUsers(vendorUsers(42, 3))
    await sweep()
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(44)
    await sweep()
    expect(
      vendor.mirror
        .rows('vendor_user')
        .map((row) => Number(row['id']))
        .sort((a, b) => a - b),
    ).toEqual(vendorUsers(42, 3).map(({ id }) => id))
  })
})

describe('a record without an id', () => {
  const nameless = '{"firstname":"Melanie"}'

  test('is retracted when it is gone, and not when it only moved', async () => {
    vendor.simulator.insert(nameless, 9)
    await sweep()
    vendor.simulator.insert(vendorUser(100), 0)
    await sweep()
    expect(vendor.mirror.rejected).toHaveLength(1)
    expect(vendor.mirror.retracted).toEqual([])
    vendor.simulator.setUsers(vendorUsers(42))
    await sweep()
    const rawSha256 = createHash('sha256').update(nameless).digest('hex')
    expect(vendor.mirror.retracted).toEqual([{ stream: 'vendor_user', rawSha256 }])
  })
})

describe('the share that may vanish at once', () => {
  test.each([
    [3, 1],
    [5, 3],
  ])('lets records of an API of %i go, %i of them', async (count, gone) => {
    vendor.simulator.setUsers(vendorUsers(count))
    await sweep()
    for (let id = 1; id <= gone; id++) vendor.simulator.remove(id)
    await sweep()
    expect(await sweep()).toMatchObject({ deletes: gone })
  })

  test('never lets all of them go', async () => {
    vendor.simulator.setUsers(vendorUsers(2))
    await sweep()
    vendor.simulator.setUsers([])
    await sweep()
    await expect(sweep()).rejects.toMatchObject({ code: 'mass-disappearance' })
    expect(await sweep({ maxDeletedShare: 1 })).toMatchObject({ deletes: 2 })
  })
})

describe('the working ledger', () => {
  const scanned = async (ledger: WorkingLedger, prefix: string): Promise<[string, Json][]> => {
    const lines: [string, Json][] = []
    for await (const { key, value } of ledger.scan(prefix)) lines.push([key, value])
    return lines
  }

  const batch = (after: string, ledger: ChangeBatch['ledger']): ChangeBatch => ({
    before: vendor.mirror.position,
    after,
    changes: [],
    rejected: [],
    ledger,
    committedAt: null,
  })

  test('shows what was delivered whether it is committed or not', async () => {
    vendor.mirror.apply(
      batch('1', [
        { key: 'a/1', value: 1 },
        { key: 'a/3', value: 3 },
        { key: 'b', value: 0 },
      ]),
    )
    const ledger = new WorkingLedger(vendor.mirror.ledger())
    const entries = ledger.deliver('2', [
      { key: 'a/0', value: 0 },
      { key: 'a/2', value: 2 },
      { key: 'a/3', value: undefined },
      { key: 'a/4', value: 4 },
    ])
    const expected = [
      ['a/0', 0],
      ['a/1', 1],
      ['a/2', 2],
      ['a/4', 4],
    ]
    expect(await scanned(ledger, 'a/')).toEqual(expected)
    expect(await ledger.get('a/3')).toBe(undefined)
    vendor.mirror.apply(batch('2', entries))
    expect(await scanned(ledger, 'a/')).toEqual(expected)
  })

  test('forgets what is committed, and nothing else', async () => {
    const asked: string[] = []
    const committed = vendor.mirror.ledger()
    const ledger = new WorkingLedger({
      ...committed,
      get: (key) => {
        asked.push(key)
        return committed.get(key)
      },
    })
    const batches = Array.from({ length: 40 }, (_, n) =>
      batch(String(n), ledger.deliver(String(n), [{ key: `a/${n}`, value: n }])),
    )
    for (const one of batches.slice(0, 20)) vendor.mirror.apply({ ...one, before: vendor.mirror.position })
    await ledger.settle()
    asked.length = 0
    for (let n = 0; n < 40; n++) expect(await ledger.get(`a/${n}`)).toBe(n)
    expect(asked).toEqual(Array.from({ length: 20 }, (_, n) => `a/${n}`))
  })
})
