import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { FollowedIntoMirror, manualSchedule } from '../../support/followed-source.ts'
import { TickingClock } from '../../support/hostile-list.ts'
import { Mirror } from '../../support/mirror.ts'
import { expectMirrored, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

let simulator: VendorSimulator
let mirror: Mirror
let schedule: ReturnType<typeof manualSchedule>
let followed: FollowedIntoMirror

beforeEach(async () => {
  simulator = await startVendorSimulator({ users: vendorUsers(42), pageSize: 10, etags: true })
  mirror = new Mirror()
  schedule = manualSchedule()
})

afterEach(async () => {
  await followed.stop()
  await simulator.close()
})

function follow(options: Parameters<typeof vendorSource>[1] = {}): ReturnType<typeof vendorSource> {
  const { startSchedule } = schedule
  const source = vendorSource(simulator, { follow: true, startSchedule, ...options })
  followed = new FollowedIntoMirror(source, mirror)
  return source
}

/** The next sweep, asked for by the schedule. */
async function sweep(): Promise<void> {
  const before = followed.sweeps
  schedule.tick()
  await followed.until(() => followed.sweeps > before)
}

const lastname = (id: number): string | null | undefined =>
  mirror.rows('vendor_user').find((row) => row['id'] === String(id))?.['lastname']

describe('a source that follows', () => {
  test('sweeps at once and then whenever its schedule says so', async () => {
    follow()
    await followed.until(() => followed.sweeps === 1)
    expectMirrored(mirror, simulator.users())
    simulator.update(17, { lastname: 'Lean' })
    simulator.insert(vendorUser(100), 3)
    await sweep()
    expect(followed.count('upsert')).toBe(44)
    expectMirrored(mirror, simulator.users())
    simulator.remove(5)
    await sweep()
    await sweep()
    expectMirrored(mirror, simulator.users())
  })

  test('asks for unchanged pages without their bodies and writes nothing but when it did', async () => {
    follow()
    await followed.until(() => followed.sweeps === 1)
    await sweep()
    const lines = mirror.ledgerKeys().length
    const [requests, bytes, batches] = [
      simulator.requests.length,
      simulator.bodyBytes,
      followed.batches.length,
    ]
    await sweep()
    expect(simulator.requests.length - requests).toBe(5)
    expect(simulator.bodyBytes - bytes).toBe(0)
    const keys = followed.batches.slice(batches).flatMap(({ changes, rejected, ledger }) => {
      expect([changes, rejected]).toEqual([[], []])
      return ledger.map(({ key }) => key)
    })
    expect(keys.filter((key) => !/^(read\/|sweep$|rates$|delivered$)/.test(key))).toEqual([])
    expect(mirror.ledgerKeys()).toHaveLength(lines)
  })

  test('yields a changed record before it asks for the pages behind it', async () => {
    follow({ concurrency: 1 })
    await followed.until(() => followed.sweeps === 1)
    simulator.update(3, { lastname: 'Lean' })
    simulator.faults.add({ kind: 'stalled', pages: [4], times: 1 })
    schedule.tick()
    await followed.until(() => lastname(3) === 'Lean')
    expect(followed.sweeps).toBe(1)
  })

  test('leaves out ticks that come during a sweep', async () => {
    follow()
    await followed.until(() => followed.sweeps === 1)
    simulator.faults.add({
      kind: 'meanwhile',
      pages: [2],
      times: 1,
      act: () => {
        schedule.tick()
        schedule.tick()
      },
    })
    await sweep()
    await sweep()
    expect(simulator.requests.filter((page) => page === '1').length).toBeLessThanOrEqual(4)
  })

  test('goes on within a sweep after a restart', async () => {
    follow({ concurrency: 1 })
    simulator.faults.add({ kind: 'stalled', pages: [4] })
    await followed.until(() => mirror.position === '{"sweep":1,"page":3}')
    await followed.stop()
    simulator.faults.clear()
    simulator.requests.length = 0
    follow({ concurrency: 1 })
    await followed.until(() => mirror.position === '{"sweep":1,"page":5}')
    expect(simulator.requests.slice(0, 2)).toEqual(['4', '5'])
    await followed.until(() => followed.sweeps === 1)
    expectMirrored(mirror, simulator.users())
  })

  test('tells how it is doing', async () => {
    const source = follow()
    expect(source.status?.()).toMatchObject({ state: 'connecting', loaded: false, heardAt: null })
    await followed.until(() => followed.sweeps === 1)
    await followed.until(() => true)
    expect(source.status?.()).toMatchObject({ loaded: true, headroomMs: null })
    expect(source.status?.().heardAt).toBeGreaterThan(0)
    expect(source.progress()).toEqual([{ phase: 'pages', done: 5, total: 5 }])
  })

  test('tells how old the page is that was read longest ago, and which bound could be kept', async () => {
    // Twice five pages, at one a second.
    const source = follow({
      requestsPerMinute: 60,
      maxStalenessMs: 1_000,
      concurrency: 1,
      clock: new TickingClock(),
    })
    expect(source.status?.().staleness).toBeNull()
    await followed.until(() => source.status?.().staleness != null)
    expect(source.status?.().staleness).toMatchObject({ boundMs: 1_000, leastMs: 10_000 })
    expect(source.status?.().staleness?.oldestMs).toBeGreaterThan(0)
  })
})

describe('between sweeps', () => {
  test('what the budget leaves goes to single pages, and what changed there is delivered', async () => {
    follow({ requestsPerMinute: 60_000 })
    await followed.until(() => followed.sweeps === 1)
    simulator.update(33, { lastname: 'Lean' })
    await followed.until(() => lastname(33) === 'Lean')
    expect(followed.sweeps).toBe(1)
    expect(mirror.position).toMatch(/^\{"sweep":2,"page":0,"probe":\d+\}$/)
    await followed.stop()
    follow({ requestsPerMinute: 60_000 })
    simulator.update(34, { lastname: 'Lean' })
    await followed.until(() => lastname(34) === 'Lean')
    await sweep()
    expectMirrored(mirror, simulator.users())
  })

  test('a new page is found without waiting for the schedule', async () => {
    follow({ requestsPerMinute: 60_000 })
    await followed.until(() => followed.sweeps === 1)
    for (const user of vendorUsers(10, 200)) simulator.insert(user)
    await followed.until(() => mirror.rows('vendor_user').length === 52)
    expectMirrored(mirror, simulator.users())
  })

  test('a page that is gone or empty for a moment loses nothing', async () => {
    follow({ requestsPerMinute: 60_000 })
    await followed.until(() => followed.sweeps === 1)
    simulator.faults.add({ kind: 'empty', pages: [2], times: 3 })
    simulator.faults.add({ kind: 'status', status: 404, pages: [3], times: 3 })
    simulator.update(33, { lastname: 'Lean' })
    await followed.until(() => lastname(33) === 'Lean')
    simulator.faults.clear()
    await sweep()
    await sweep()
    expectMirrored(mirror, simulator.users())
  })

  test('without a budget no page is asked for unless it is older than the bound', async () => {
    follow({ maxStalenessMs: 50 })
    await followed.until(() => followed.sweeps === 1)
    simulator.update(33, { lastname: 'Lean' })
    await followed.until(() => lastname(33) === 'Lean')
    expect(followed.sweeps).toBe(1)
  })
})

describe('a record that one sweep misses is not deleted', () => {
  test('though the sweep before its arrival saw the same, if a page read by itself brought it', async () => {
    follow({ requestsPerMinute: 60_000 })
    await followed.until(() => followed.sweeps === 1)
    const stale = simulator.snapshot()
    simulator.insert(vendorUser(100))
    await followed.until(() => lastname(100) !== undefined)
    expect(followed.sweeps).toBe(1)
    simulator.faults.add({ kind: 'stale', records: stale, pages: [5] })
    await sweep()
    simulator.faults.clear()
    expect(followed.count('delete')).toBe(0)
    await sweep()
    expectMirrored(mirror, simulator.users())
  })

  test('nor if a sweep that went on after a restart brought it', async () => {
    follow({ concurrency: 1 })
    await followed.until(() => followed.sweeps === 1)
    const stale = simulator.snapshot()
    simulator.insert(vendorUser(100))
    simulator.update(3, { lastname: 'Lean' })
    simulator.faults.add({ kind: 'stalled', pages: [4] })
    schedule.tick()
    await followed.until(() => lastname(3) === 'Lean')
    await followed.stop()
    simulator.faults.clear()
    follow({ concurrency: 1 })
    await followed.until(() => mirror.position === '{"sweep":2,"page":5}')
    simulator.faults.add({ kind: 'stale', records: stale })
    await followed.until(() => followed.sweeps === 1)
    expect([lastname(100), followed.count('delete')]).toEqual(['Baughman 100', 0])
  })
})

describe('a resync', () => {
  test('delivers the whole stream again while it is followed, and ends by itself', async () => {
    const source = follow()
    await followed.until(() => followed.sweeps === 1)
    await sweep()
    expect([followed.count('resync-begin'), followed.count('resync-end')]).toEqual([1, 1])
    source.resync?.('vendor_user')
    await followed.until(() => followed.count('resync-end') === 2)
    expect(followed.count('resync-begin')).toBe(2)
    expect(followed.count('upsert')).toBe(84)
    expectMirrored(mirror, simulator.users())
  })

  test('asked for while another one is open begins when that one is done', async () => {
    const source = follow()
    await followed.until(() => followed.sweeps === 1)
    source.resync?.('vendor_user')
    await sweep()
    await followed.until(() => followed.count('resync-end') === 2)
    expectMirrored(mirror, simulator.users())
  })
})

test('a resync that fails before anything of it is committed is begun again', async () => {
  const source = follow({ retry: { attempts: 1, baseMs: 1, maxMs: 1 } })
  await followed.until(() => followed.sweeps === 1)
  await sweep()
  expect(mirror.isResyncing()).toBe(false)
  simulator.faults.add({ kind: 'status', status: 500 })
  source.resync?.('vendor_user')
  await expect(followed.until(() => false)).rejects.toMatchObject({ code: 'server-failed' })
  simulator.faults.clear()
  followed = new FollowedIntoMirror(source, mirror)
  await followed.until(() => followed.count('resync-end') === 1)
  expect(followed.count('resync-begin')).toBe(1)
  expectMirrored(mirror, simulator.users())
})

describe('so many records vanish that it must be a mistake', () => {
  test('nothing is deleted, it says so, and all else goes on', async () => {
    follow()
    await followed.until(() => followed.sweeps === 1)
    for (let id = 1; id <= 20; id++) simulator.remove(id)
    await sweep()
    simulator.update(30, { lastname: 'Lean' })
    await sweep()
    expect(followed.refusal).toContain('20 of 42 known records')
    expect(mirror.rows('vendor_user')).toHaveLength(42)
    expect(lastname(30)).toBe('Lean')
    for (const user of vendorUsers(20)) simulator.insert(user)
    await sweep()
    await sweep()
    expect(followed.refusal).toBe(null)
    expectMirrored(mirror, simulator.users())
  })
})
