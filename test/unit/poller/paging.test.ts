import { afterEach, describe, expect, test } from 'vitest'
import { shownPosition } from '../../../src/changes/position.ts'
import { nextLink } from '../../../src/poller/paging.ts'
import { PagePosition, pagePositionFormat } from '../../../src/poller/position.ts'
import { FollowedIntoMirror, manualSchedule } from '../../support/followed-source.ts'
import { Mirror } from '../../support/mirror.ts'
import { startPagedApi, type PagedApi } from '../../support/paged-api.ts'
import { expectMirrored, sweepInto, vendorSource } from '../../support/vendor-source.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

describe('by offset', () => {
  const options = {
    page: { by: 'offset', param: 'offset', first: 0, limit: 10, limitParam: 'limit' },
    totalPages: null,
  } as const

  test.each([
    ['with the number of records', '/total'],
    ['without it', null],
  ])('an API that gives fewer than are asked for loses none, %s', async (_, totalRecords) => {
    const api = await startPagedApi('offset', 43)
    api.cap = 4
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(api, { ...options, totalRecords }))
    expectMirrored(mirror, api.users())
    expect(api.requests).toContain('/users?offset=40&limit=10')
    api.remove(17)
    for (let run = 0; run < 2; run++) await sweepInto(mirror, vendorSource(api, { ...options, totalRecords }))
    expectMirrored(mirror, api.users())
  })

  const offsets = ({ requests }: PagedApi): number[] =>
    requests.map((url) => Number(new URL(url, 'http://api').searchParams.get('offset')))

  test('pages that are read by themselves stand where the sweep found them, if fewer are given', async () => {
    const api = await startPagedApi('offset', 43)
    api.cap = 4
    const mirror = new Mirror()
    const { startSchedule } = manualSchedule()
    const source = vendorSource(api, {
      ...{ ...options, totalRecords: '/total', follow: true, requestsPerMinute: 60_000, startSchedule },
    })
    const followed = new FollowedIntoMirror(source, mirror)
    open.push({ close: () => followed.stop() })
    await followed.until(() => followed.sweeps === 1)
    api.update(31, { lastname: 'Lean' })
    await followed.until(() => mirror.rows('vendor_user').some((row) => row['lastname'] === 'Lean'))
    expect(followed.sweeps).toBe(1)
    expect(offsets(api).filter((offset) => offset % 4 !== 0)).toEqual([])
  })

  test('a restart within a sweep goes on where it was, if fewer are given', async () => {
    const api = await startPagedApi('offset', 43)
    api.cap = 4
    const mirror = new Mirror()
    const source = vendorSource(api, { ...options, totalRecords: '/total', concurrency: 1 })
    const { signal } = new AbortController()
    for await (const batch of source.open({ after: null, ledger: mirror.ledger(), signal })) {
      mirror.apply(batch)
      if (mirror.position?.includes('"page":3')) break
    }
    await source.close()
    api.requests.length = 0
    await sweepInto(mirror, vendorSource(api, { ...options, totalRecords: '/total', concurrency: 1 }))
    expect(offsets(api).slice(0, 2)).toEqual([12, 16])
    expectMirrored(mirror, api.users())
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
    const api = await startPagedApi('next-url', 30)
    const source = vendorSource(api, { page: { by: 'next-url', next: '/elsewhere' }, totalPages: null })
    await sweepInto(new Mirror(), source)
    api.insert('{"id":99}')
    const page = { by: 'next-url', next: '/users/0/lastname' } as const
    api.update(1, { lastname: 'https://elsewhere.example/users' })
    await expect(
      sweepInto(new Mirror(), vendorSource(api, { page, totalPages: null })),
    ).rejects.toMatchObject({ code: 'next-elsewhere' })
  })

  test('where it goes on may hold keys, and is not shown', () => {
    const next = 'https://vendor.example/users?key=hidden&after=17'
    const text = new PagePosition({ sweep: 2, page: 3, next }).serialize()
    expect(shownPosition(text)).toBe('{"sweep":2,"page":3,"next":"…"}')
    const unreadable = (): unknown => pagePositionFormat.parse(text.slice(0, -5))
    expect(unreadable).toThrow(expect.objectContaining({ code: 'position-unreadable' }))
    expect(unreadable).not.toThrow(/hidden/)
  })

  test('a restart goes on with the page that comes next', async () => {
    const api = await startPagedApi('cursor', 30)
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
    expectMirrored(mirror, api.users())
  })
})

test('pages that only the one before tells are swept again when they are older than the bound', async () => {
  const api = await startPagedApi('cursor', 42)
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
  expectMirrored(mirror, api.users())
})
