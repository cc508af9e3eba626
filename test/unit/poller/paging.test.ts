import { afterEach, describe, expect, test } from 'vitest'
import { earlier, timeOf } from '../../../src/poller/change-time.ts'
import { nextLink } from '../../../src/poller/paging.ts'
import { FollowedIntoMirror, manualSchedule } from '../../support/followed-source.ts'
import { Mirror } from '../../support/mirror.ts'
import { PagedApi, type PagedStyle } from '../../support/paged-api.ts'
import { sweepInto, vendorRow, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function start(style: PagedStyle, count: number): Promise<PagedApi> {
  const api = await PagedApi.start(style, vendorUsers(count), 10)
  open.push(api)
  return api
}

function expectMirrored(mirror: Mirror, api: PagedApi): void {
  const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
  expect(sorted(mirror.rows('vendor_user'))).toEqual(sorted(api.users().map(vendorRow)))
}

describe('by offset', () => {
  const options = {
    page: { by: 'offset', param: 'offset', first: 0, limit: 10, limitParam: 'limit' },
    totalPages: null,
  } as const

  test.each([
    ['with the number of records', '/total'],
    ['without it', null],
  ])('an API that gives fewer than are asked for loses none, %s', async (_, totalRecords) => {
    const api = await start('offset', 43)
    api.cap = 4
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(api, { ...options, totalRecords }))
    expectMirrored(mirror, api)
    expect(api.requests).toContain('/users?offset=40&limit=10')
  })
})

describe('by the page before', () => {
  test.each([
    ['</u?p=2>; rel="next"', '/u?p=2'],
    ['<a>; rel=prev, <b>; title="x"; rel="last next"', 'b'],
    ['<a>; rel="nextish"', null],
    ['', null],
    [undefined, null],
  ])('the link in %j is %j', (header, link) => {
    expect(nextLink(header)).toBe(link)
  })

  test('a next page on another host is refused', async () => {
    const api = await start('next-url', 30)
    const source = vendorSource(api, { page: { by: 'next-url', next: '/elsewhere' }, totalPages: null })
    await sweepInto(new Mirror(), source)
    api.insert('{"id":99}')
    const page = { by: 'next-url', next: '/users/0/lastname' } as const
    api.update(1, { lastname: 'https://elsewhere.example/users' })
    await expect(
      sweepInto(new Mirror(), vendorSource(api, { page, totalPages: null })),
    ).rejects.toMatchObject({ code: 'next-elsewhere' })
  })

  test('a restart goes on with the page that comes next', async () => {
    const api = await start('cursor', 30)
    const mirror = new Mirror()
    const options = { page: { by: 'cursor', param: 'cursor', next: '/next' }, totalPages: null } as const
    const source = vendorSource(api, options)
    const { signal } = new AbortController()
    for await (const batch of source.open({ after: null, ledger: mirror.ledger(), signal })) {
      mirror.apply(batch)
      break
    }
    await source.close()
    api.requests.length = 0
    await sweepInto(mirror, vendorSource(api, options))
    expect(api.requests[0]).toBe('/users?cursor=QDEw')
    expectMirrored(mirror, api)
  })
})

test('pages that only the one before tells are swept again when they are older than the bound', async () => {
  const api = await start('cursor', 42)
  const mirror = new Mirror()
  const source = vendorSource(api, {
    ...{ totalPages: null, page: { by: 'cursor', param: 'cursor', next: '/next' } },
    ...{ follow: true, maxStalenessMs: 50, startSchedule: manualSchedule().startSchedule },
  })
  const followed = new FollowedIntoMirror(source, mirror)
  open.push({ close: () => followed.stop() })
  await followed.until(() => followed.sweeps >= 1)
  api.update(33, { lastname: 'Lean' })
  await followed.until(() => mirror.rows('vendor_user').some((row) => row['lastname'] === 'Lean'))
  expectMirrored(mirror, api)
})

describe('times', () => {
  test.each([
    ['2017-02-01T00:22:00.000Z', '2017-02-01T00:21:59.000Z'],
    ['2017-02-01T01:22:00.123456+01:00', '2017-02-01T00:21:59.123Z'],
    ['2017-02-01T00:22:00', '2017-02-01T00:21:59.000'],
    ['2017-02-01 00:22:00', '2017-02-01 00:21:59.000'],
    ['1485908520', '1485908519'],
    ['1485908520500', '1485908519500'],
  ])('one second before %s is %s', (text, before) => {
    expect(earlier(text, 1000)).toBe(before)
    expect(timeOf(before)).toBe((timeOf(text) ?? 0) - 1000)
  })

  test('that cannot be read are none', () => {
    for (const text of ['', 'soon', '0000-00-00T00:00:00']) expect(timeOf(text)).toBe(null)
  })
})

describe('since a time', () => {
  const since = {
    ...{ param: 'since', updatedAt: '/updated_at', from: null },
    ...{ overlapMs: 60_000, deleted: '/deleted' },
  }

  test('only what changed is asked for, followed and deleted', async () => {
    const api = await start('since', 43)
    const mirror = new Mirror()
    const { startSchedule, tick } = manualSchedule()
    const source = vendorSource(api, { since, follow: true, startSchedule })
    const followed = new FollowedIntoMirror(source, mirror)
    open.push({ close: () => followed.stop() })
    await followed.until(() => /^\{"round":\d+,"page":0,"since":"/.test(mirror.position ?? ''))
    expectMirrored(mirror, api)
    await followed.until(() => source.status?.().loaded === true)
    api.update(7, { lastname: 'Lean' })
    api.remove(8)
    api.insert(vendorUser(100))
    api.requests.length = 0
    const before = followed.count('upsert')
    tick()
    await followed.until(() => followed.count('delete') === 1)
    expectMirrored(mirror, api)
    expect(followed.count('upsert') - before).toBeLessThanOrEqual(4)
    expect(api.requests).toEqual([expect.stringContaining('since=2017-02-01T00%3A42%3A00.000Z')])
    source.resync?.('vendor_user')
    await followed.until(() => followed.count('resync-end') === 1)
    expectMirrored(mirror, api)
  })

  test.each(['status', 'empty'] as const)(
    'a list that breaks off (%s) neither ends a resync nor moves the time on',
    async (kind) => {
      const api = await start('since', 43)
      const mirror = new Mirror()
      const { startSchedule, tick } = manualSchedule()
      const source = vendorSource(api, { since, follow: true, startSchedule })
      const followed = new FollowedIntoMirror(source, mirror)
      open.push({ close: () => followed.stop() })
      await followed.until(() => /"page":0,"since":"/.test(mirror.position ?? ''))
      api.broken = { page: 4, kind }
      source.resync?.('vendor_user')
      const rounds = (): number =>
        followed.batches.filter(({ after }) => /"page":0,"since":null/.test(after)).length
      const before = rounds()
      await followed.until(() => rounds() === before + 5)
      expect(followed.count('resync-end')).toBe(0)
      expectMirrored(mirror, api)
      api.broken = null
      tick()
      await followed.until(() => followed.count('resync-end') === 1)
      expectMirrored(mirror, api)
    },
  )
})
