import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import type { ChangeBatch } from '../../../src/changes/change-batch.ts'
import type { Json } from '../../../src/changes/ledger.ts'
import { WorkingLedger } from '../../../src/poller/working-ledger.ts'
import { Mirror } from '../../support/mirror.ts'
import { sweepInto, vendorRow, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

let simulator: VendorSimulator
let mirror: Mirror

beforeEach(async () => {
  simulator = await startVendorSimulator({ users: vendorUsers(42), pageSize: 10 })
  mirror = new Mirror()
})

afterEach(async () => {
  await simulator.close()
})

const sweep = (options: Parameters<typeof vendorSource>[1] = {}): ReturnType<typeof sweepInto> =>
  sweepInto(mirror, vendorSource(simulator, options))

const lastname = (id: number): string | null | undefined =>
  mirror.rows('vendor_user').find((row) => row['id'] === String(id))?.['lastname']

describe('the order shifts', () => {
  const insert = (count: number): void => {
    for (const user of vendorUsers(count, 100)) simulator.insert(user, 0)
  }
  const remove = (): void => {
    simulator.remove(1)
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
    const rows = [...simulator.users()].map(vendorRow).map((row) => JSON.stringify(row))
    expect(
      mirror
        .rows('vendor_user')
        .map((row) => JSON.stringify(row))
        .sort(),
    ).toEqual(rows.sort())
    expect(mirror.ledgerKeys().filter((key) => key.startsWith('left/'))).toEqual([])
  })
})

describe('an id that stands on two pages with different values', () => {
  test('has the other value when one of them goes', async () => {
    simulator.insert(vendorUser(5, { lastname: 'Lean' }), 31)
    await sweep()
    expect(lastname(5)).toBe('Lean')
    const users = [...simulator.users()]
    simulator.setUsers(users.filter((user) => user.lastname !== 'Lean'))
    await sweep()
    await sweep()
    expect(lastname(5)).toBe('Baughman 5')
    expect(mirror.rows('vendor_user')).toHaveLength(42)
  })
})

describe('a stream that another source has filled', () => {
  test('keeps none of its records that the API does not have, once two sweeps agree', async () => {
    await sweep()
    const other = Mirror.copyOf(mirror)
    // What another name in the configuration makes of it: no position, no ledger, and the rows are there.
    mirror = Mirror.renamedSource(other)
    simulator.setUsers(vendorUsers(42, 3))
    await sweep()
    expect(mirror.rows('vendor_user')).toHaveLength(44)
    await sweep()
    expect(
      mirror
        .rows('vendor_user')
        .map((row) => Number(row['id']))
        .sort((a, b) => a - b),
    ).toEqual(vendorUsers(42, 3).map(({ id }) => id))
  })
})

describe('a record without an id', () => {
  const nameless = '{"firstname":"Melanie"}'

  test('is retracted when it is gone, and not when it only moved', async () => {
    simulator.insert(nameless, 9)
    await sweep()
    simulator.insert(vendorUser(100), 0)
    await sweep()
    expect(mirror.rejected).toHaveLength(1)
    expect(mirror.retracted).toEqual([])
    simulator.setUsers(vendorUsers(42))
    await sweep()
    const rawSha256 = createHash('sha256').update(nameless).digest('hex')
    expect(mirror.retracted).toEqual([{ stream: 'vendor_user', rawSha256 }])
  })
})

describe('the share that may vanish at once', () => {
  test.each([
    [3, 1],
    [5, 3],
  ])('lets records of an API of %i go, %i of them', async (count, gone) => {
    simulator.setUsers(vendorUsers(count))
    await sweep()
    for (let id = 1; id <= gone; id++) simulator.remove(id)
    await sweep()
    expect(await sweep()).toMatchObject({ deletes: gone })
  })

  test('never lets all of them go', async () => {
    simulator.setUsers(vendorUsers(2))
    await sweep()
    simulator.setUsers([])
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
    before: mirror.position,
    after,
    changes: [],
    rejected: [],
    ledger,
    committedAt: null,
  })

  test('shows what was delivered whether it is committed or not', async () => {
    mirror.apply(
      batch('1', [
        { key: 'a/1', value: 1 },
        { key: 'a/3', value: 3 },
        { key: 'b', value: 0 },
      ]),
    )
    const ledger = new WorkingLedger(mirror.ledger())
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
    mirror.apply(batch('2', entries))
    expect(await scanned(ledger, 'a/')).toEqual(expected)
  })

  test('forgets what is committed, and nothing else', async () => {
    const asked: string[] = []
    const committed = mirror.ledger()
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
    for (const one of batches.slice(0, 20)) mirror.apply({ ...one, before: mirror.position })
    await ledger.settle()
    asked.length = 0
    for (let n = 0; n < 40; n++) expect(await ledger.get(`a/${n}`)).toBe(n)
    expect(asked).toEqual(Array.from({ length: 20 }, (_, n) => `a/${n}`))
  })
})
