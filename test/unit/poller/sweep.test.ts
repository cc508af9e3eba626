import { describe, expect, test } from 'vitest'
import { Mirror } from '../../support/mirror.ts'
import { sweptVendor } from '../../support/swept-vendor.ts'
import { fakeClock, sweepInto, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

const vendor = sweptVendor({ users: 42, pageSize: 10 })
const { sweep } = vendor

function expectMirrored(): void {
  const { mirrored, served } = vendor.rows()
  expect(mirrored).toEqual(served)
}

describe('a sweep', () => {
  test('reads page 1 once and the short last page too', async () => {
    expect(await sweep()).toMatchObject({ upserts: 42, batches: 6 })
    // The very first sweep also looks at the last page when it begins.
    expect(vendor.simulator.requests.toSorted()).toEqual(['1', '2', '3', '4', '5', '5'])
    expectMirrored()
    vendor.simulator.requests.length = 0
    await sweep()
    expect(vendor.simulator.requests.toSorted()).toEqual(['1', '2', '3', '4', '5'])
  })

  test('does not ask again for the page that the preflight read', async () => {
    const source = vendorSource(vendor.simulator)
    expect(await source.preflight(new AbortController().signal)).toEqual([])
    await sweepInto(vendor.mirror, source)
    expect(vendor.simulator.requests.toSorted()).toEqual(['1', '2', '3', '4', '5', '5'])
    expectMirrored()
  })

  test('asks for one page beyond a full last one, in case the announced number is too small', async () => {
    vendor.simulator.setUsers(vendorUsers(40))
    vendor.simulator.faults.add({ kind: 'total', total: 3 })
    await sweep()
    expectMirrored()
  })

  test('begins with the first page, whatever its number and parameter are', async () => {
    const url = `${vendor.simulator.url}?token=hidden&page=9`
    await sweep({ url })
    expectMirrored()
    expect(vendor.simulator.requests.toSorted()).toEqual(['1', '2', '3', '4', '5', '5'])
  })

  test('survives an announced number of pages that is too large', async () => {
    vendor.simulator.faults.add({ kind: 'total', total: 9 })
    await sweep()
    expectMirrored()
  })

  test('of an API that says nothing about its pages ends with the first empty one', async () => {
    await sweep({ totalPages: null })
    expectMirrored()
    expect(Math.max(...vendor.simulator.requests.map(Number))).toBeLessThanOrEqual(5 + 8)
  })

  test('of an API that answers its last page for any page past the end ends there', async () => {
    vendor.simulator.setUsers(vendorUsers(40))
    vendor.simulator.faults.add({ kind: 'other-page', page: 4, pages: [5, 6, 7, 8, 9, 10, 11, 12, 13] })
    for (const options of [{}, { totalPages: null }]) {
      vendor.mirror = new Mirror()
      expect(await sweep(options)).toMatchObject({ upserts: 40 })
      expectMirrored()
    }
  })

  test('of an API that answers 404 past the end ends there', async () => {
    vendor.simulator.faults.add({ kind: 'status', status: 404, pages: [6, 7, 8, 9, 10, 11, 12, 13, 14] })
    await sweep({ totalPages: null })
    expectMirrored()
  })

  test('takes the later page of an id that stands on two with different values', async () => {
    vendor.simulator.insert(vendorUser(5, { lastname: 'Lean' }), 31)
    await sweep()
    await sweep()
    const row = vendor.mirror.rows('vendor_user').find(({ id }) => id === '5')
    expect(row?.['lastname']).toBe('Lean')
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(42)
    // The page of the earlier one changes, the other does not: still the later one wins.
    vendor.simulator.update(6, { lastname: 'Other' })
    await sweep()
    expect(vendor.mirror.rows('vendor_user').find(({ id }) => id === '5')?.['lastname']).toBe('Lean')
  })

  test('writes nothing but the times of its pages and its own end when nothing changed', async () => {
    await sweep()
    await sweep()
    const lines = vendor.mirror.ledgerKeys()
    const { batches, upserts, deletes, ledgerKeys } = await sweep()
    expect({ batches, upserts, deletes }).toEqual({ batches: 1, upserts: 0, deletes: 0 })
    expect(ledgerKeys.filter((key) => !/^(read\/|sweep$|delivered$)/.test(key))).toEqual([])
    expect(vendor.mirror.ledgerKeys()).toEqual(lines)
  })

  test('of unchanged pages goes on after a crash, if it takes long', async () => {
    await sweep()
    const slow = { clock: fakeClock(), requestsPerMinute: 30, concurrency: 1 }
    const source = vendorSource(vendor.simulator, slow)
    const { signal } = new AbortController()
    for await (const batch of source.open({
      after: vendor.mirror.position,
      ledger: vendor.mirror.ledger(),
      signal,
    })) {
      vendor.mirror.apply(batch)
      if (batch.after.includes('"page":3')) break
    }
    await source.close()
    vendor.simulator.requests.length = 0
    await sweep(slow)
    // What was read in parts proves nothing, so a whole sweep follows.
    expect(vendor.simulator.requests.slice(0, 2)).toEqual(['4', '5'])
  })

  test('writes only the changed record when all pages shift by one', async () => {
    await sweep()
    vendor.simulator.insert(vendorUser(100), 0)
    expect(await sweep()).toMatchObject({ upserts: 1, deletes: 0, pending: 0 })
    expectMirrored()
  })

  test('takes everything again when the declaration of the columns changes', async () => {
    await sweep()
    const columns = [
      { name: 'id', type: 'integer' },
      { name: 'name', type: 'text', from: '/lastname' },
    ]
    expect(await sweep({ columns })).toMatchObject({ upserts: 42 })
    expect(vendor.mirror.rows('vendor_user')[0]).toEqual({ id: '1', name: 'Baughman 1' })
  })

  test('keeps composite keys apart', async () => {
    vendor.simulator.setUsers([vendorUser(1, { lastname: '["a"]' }), vendorUser(1, { lastname: 'a' })])
    await sweep({ key: ['id', 'lastname'] })
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(2)
    for (let run = 0; run < 2; run++) await sweep({ key: ['id', 'lastname'], maxDeletedShare: 1 })
    vendor.simulator.remove(1)
    for (let run = 0; run < 2; run++) await sweep({ key: ['id', 'lastname'], maxDeletedShare: 1 })
    expect(vendor.mirror.rows('vendor_user').map((row) => row['lastname'])).toEqual(['a'])
  })
})

describe('a source that moves while it is swept loses no record', () => {
  const once = (page: number, act: () => void): void => {
    vendor.simulator.faults.add({ kind: 'meanwhile', pages: [page], times: 1, act })
  }

  test.each([
    ['larger', 25],
    ['smaller', 4],
    ['all in one', 1000],
  ])('when its pages become %s', async (_, size) => {
    once(3, () => (vendor.simulator.pageSize = size))
    await sweep({ concurrency: 1 })
    expectMirrored()
  })

  test('when a record is inserted before the reader', async () => {
    once(3, () => {
      vendor.simulator.insert(vendorUser(100), 0)
    })
    await sweep({ concurrency: 1 })
    expectMirrored()
  })

  test('when a record is removed before the reader', async () => {
    once(3, () => {
      vendor.simulator.remove(2)
    })
    await sweep({ concurrency: 1 })
    const ids = vendor.mirror.rows('vendor_user').map((row) => Number(row['id']))
    expect(ids).toEqual(expect.arrayContaining([...vendor.simulator.users()].map(({ id }) => id)))
  })

  test('when pages are added', async () => {
    once(4, () => {
      for (const user of vendorUsers(30, 200)) vendor.simulator.insert(user)
    })
    await sweep({ concurrency: 1 })
    expectMirrored()
  })

  test('when the last pages go and the API answers 404 past the end', async () => {
    once(3, () => {
      for (let id = 25; id <= 42; id++) vendor.simulator.remove(id)
    })
    vendor.simulator.faults.add({ kind: 'status', status: 404, pages: [4, 5] })
    await sweep({ concurrency: 1 })
    expectMirrored()
  })

  test('when a stale copy answers one page', async () => {
    const records = vendor.simulator.snapshot()
    vendor.simulator.insert(vendorUser(100), 0)
    vendor.simulator.faults.add({ kind: 'stale', records, pages: [2], times: 1 })
    await sweep()
    expectMirrored()
  })

  test('and one that never stands still is left after a bounded number of sweeps', async () => {
    let id = 1000
    const act = (): void => {
      vendor.simulator.insert(vendorUser(id++), 0)
    }
    vendor.simulator.faults.add({ kind: 'meanwhile', pages: [2], act })
    await sweep({ concurrency: 1, maxSweeps: 4 })
    expect(vendor.simulator.requests.filter((page) => page === '1')).toHaveLength(4)
  })
})

describe('a record is deleted', () => {
  test('only when two equal sweeps in a row lacked it', async () => {
    await sweep()
    vendor.simulator.remove(20)
    expect(await sweep()).toMatchObject({ deletes: 0, pending: 1 })
    expect(vendor.mirror.ledgerKeys().filter((key) => key.startsWith('left/'))).toHaveLength(1)
    vendor.simulator.remove(21)
    expect(await sweep()).toMatchObject({ deletes: 0, pending: 2 })
    expect(await sweep()).toMatchObject({ deletes: 2, pending: 0 })
    expectMirrored()
    expect(vendor.mirror.ledgerKeys().filter((key) => /^left\//.test(key))).toEqual([])
  })

  test('after as many equal sweeps as configured', async () => {
    await sweep()
    vendor.simulator.remove(20)
    const pending: number[] = []
    for (let run = 0; run < 4; run++) pending.push((await sweep({ confirmSweeps: 4 })).pending)
    expect(pending).toEqual([1, 1, 1, 0])
  })

  test('not when it comes back', async () => {
    await sweep()
    vendor.simulator.remove(20)
    await sweep()
    vendor.simulator.insert(vendorUser(20, { lastname: 'Lean' }), 3)
    expect(await sweep()).toMatchObject({ deletes: 0, pending: 0, upserts: 1 })
    expectMirrored()
    vendor.simulator.remove(20)
    expect(await sweep()).toMatchObject({ deletes: 0, pending: 1 })
  })

  test('not because it moved to another page', async () => {
    await sweep()
    const moved = vendor.simulator.snapshot()[2] ?? ''
    vendor.simulator.remove(3)
    vendor.simulator.insert(JSON.parse(moved) as ReturnType<typeof vendorUser>)
    for (let run = 0; run < 3; run++)
      expect(await sweep()).toMatchObject({ upserts: 0, deletes: 0, pending: 0 })
  })

  test('together with its last page', async () => {
    await sweep()
    vendor.simulator.remove(41)
    vendor.simulator.remove(42)
    await sweep()
    await sweep()
    expectMirrored()
    expect(vendor.mirror.ledgerKeys()).not.toContain('page/0000000005')
  })

  test.each([
    ['an empty page in the middle', { kind: 'empty', pages: [3] } as const],
    ['a 404 in the middle', { kind: 'status', status: 404, pages: [3] } as const],
    ['an outage', { kind: 'status', status: 500 } as const],
    ['a page that repeats another', { kind: 'other-page', page: 2, pages: [3] } as const],
    ['an API that announces fewer pages for once', { kind: 'total', total: 3, times: 1 } as const],
  ])('never because of %s', async (_, fault) => {
    await sweep()
    vendor.simulator.faults.add(fault)
    for (let run = 0; run < 4; run++) {
      await sweep({ retry: { attempts: 1, baseMs: 1, maxMs: 1 } }).catch(() => undefined)
    }
    expectMirrored()
    vendor.simulator.faults.clear()
    for (let run = 0; run < 2; run++) await sweep()
    expectMirrored()
    expect(vendor.mirror.ledgerKeys().filter((key) => /^left\//.test(key))).toEqual([])
  })

  test('never together with a large share of the others', async () => {
    await sweep()
    for (let id = 1; id <= 9; id++) vendor.simulator.remove(id)
    expect(await sweep()).toMatchObject({ pending: 9 })
    for (let run = 0; run < 2; run++) {
      await expect(sweep()).rejects.toMatchObject({
        code: 'mass-disappearance',
        message: expect.stringContaining('9 of 42 known records (21.4%)') as string,
      })
    }
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(42)
    expect(await sweep({ maxDeletedShare: 0.5 })).toMatchObject({ deletes: 9, pending: 0 })
    expectMirrored()
  })

  test('never together with a large share of those that were known, however many come', async () => {
    await sweep()
    for (let id = 1; id <= 12; id++) vendor.simulator.remove(id)
    for (const user of vendorUsers(200, 1000)) vendor.simulator.insert(user)
    await sweep()
    for (let run = 0; run < 2; run++) {
      await expect(sweep()).rejects.toMatchObject({
        code: 'mass-disappearance',
        message: expect.stringContaining('12 of 42 known records (28.6%)') as string,
      })
    }
    expect(await sweep({ maxDeletedShare: 0.3 })).toMatchObject({ deletes: 12 })
    for (let id = 1000; id < 1045; id++) vendor.simulator.remove(id)
    await sweep()
    expect(await sweep()).toMatchObject({ deletes: 45 })
    expectMirrored()
  })

  test('never when the whole API is suddenly empty', async () => {
    await sweep()
    vendor.simulator.setUsers([])
    await sweep()
    await expect(sweep()).rejects.toMatchObject({ code: 'mass-disappearance' })
    vendor.simulator.setUsers(vendorUsers(42))
    expect(await sweep()).toMatchObject({ deletes: 0, pending: 0 })
    expectMirrored()
  })
})
