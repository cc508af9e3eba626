import { afterEach, describe, expect, test } from 'vitest'
import type { VendorUser } from '../../../examples/vendor-match/simulator.ts'
import type { HttpSourceOptions } from '../../../src/poller/source.ts'
import { Mirror } from '../../support/mirror.ts'
import { PagedApi } from '../../support/paged-api.ts'
import { sweepInto, vendorRow, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

const since = {
  ...{ param: 'since', updatedAt: '/updated_at', from: null },
  ...{ overlapMs: 60_000, deleted: '/deleted' },
}

interface Listed {
  readonly api: PagedApi
  readonly mirror: Mirror
  read(options?: Partial<HttpSourceOptions>): ReturnType<typeof sweepInto>
}

async function start(count: number): Promise<Listed> {
  const api = await PagedApi.start('since', vendorUsers(count), 10)
  open.push(api)
  const mirror = new Mirror()
  return {
    ...{ api, mirror },
    read: (options = {}) => {
      const totalPages = api.announced === null ? null : '/total_pages'
      return sweepInto(mirror, vendorSource(api, { since, totalPages, ...options }))
    },
  }
}

function expectMirrored({ mirror, api }: Listed): void {
  const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
  expect(sorted(mirror.rows('vendor_user'))).toEqual(sorted(api.users().map(vendorRow)))
}

const hour = 3_600_000

describe('a time in the future', () => {
  test.each([0, hour])(
    'hides nothing that changes until then (the clock of the API %i ms ahead)',
    async (ahead) => {
      const listed = await start(23)
      const { api } = listed
      api.aheadMs = ahead
      await listed.read()
      api.update(3, { lastname: 'Early' }, Date.now() + 10 * hour)
      await listed.read()
      for (const id of [4, 5, 6]) {
        api.update(id, { lastname: `Lean ${id}` }, Date.now() - 1000)
        await listed.read()
        expectMirrored(listed)
      }
      api.update(3, { lastname: 'Lean' }, Date.now() + 9 * hour)
      await listed.read()
      expectMirrored(listed)
    },
  )

  test('that an earlier version took for its position has everything listed once more', async () => {
    const listed = await start(23)
    await listed.read()
    const future = new Date(Date.now() + 10 * hour).toISOString()
    listed.mirror.position = JSON.stringify({ round: 9, page: 0, since: future })
    listed.api.update(4, { lastname: 'Lean' }, Date.now() - 1000)
    await listed.read()
    expectMirrored(listed)
    listed.api.requests.length = 0
    await listed.read()
    expect(listed.api.requests.filter((url) => !url.includes('since='))).toEqual([])
  })
})

test.each([
  [0, false],
  ['0', false],
  ['false', false],
  [1, true],
  ['2017-02-01', true],
])('a user whose mark of deletion is %j is gone: %s', async (mark, isGone) => {
  const listed = await start(3)
  await listed.read()
  listed.api.replace(2, { ...vendorUser(2), gone: mark } as VendorUser)
  await listed.read({ since: { ...since, deleted: '/gone' } })
  expect(listed.mirror.rows('vendor_user').map(({ id }) => id)).toEqual(isGone ? ['1', '3'] : ['1', '2', '3'])
})

describe('a list that', () => {
  test('never ends is given up', async () => {
    const listed = await start(60)
    listed.api.announced = null
    await expect(listed.read({ maxPages: 4 })).rejects.toMatchObject({ code: 'pages-without-end' })
  })

  const isDescending = [true, false]

  test.each(isDescending)(
    'breaks off and looks whole for once loses nothing (the newest first: %s)',
    async (descending) => {
      const listed = await start(23)
      const { api } = listed
      api.descending = descending
      await listed.read()
      for (const id of [4, 5, 6, 7]) api.update(id, { lastname: `Lean ${id}` })
      api.lists = 2
      const source = vendorSource(api, { since })
      for await (const batch of source.open({
        ...{ after: listed.mirror.position, ledger: listed.mirror.ledger() },
        signal: new AbortController().signal,
      })) {
        listed.mirror.apply(batch)
        api.lists = Infinity
      }
      await source.close()
      await listed.read()
      expectMirrored(listed)
    },
  )

  test.each([
    ['fewer pages', 2],
    ['one page more', 4],
    ['no number of pages', null],
  ])('announces %s than it has is read to its end', async (_, announced) => {
    for (const count of [23, 30]) {
      const listed = await start(count)
      listed.api.announced = announced === null ? null : announced - 3 + Math.ceil(count / 10)
      await listed.read()
      expectMirrored(listed)
      for (let id = 1; id <= count; id += 2) listed.api.update(id, { lastname: `Lean ${id}` })
      listed.api.announced = announced === null ? null : announced - 3 + Math.ceil(Math.ceil(count / 2) / 10)
      for (let run = 0; run < 2; run++) await listed.read()
      expectMirrored(listed)
    }
  })

  test.each([3, null])(
    'has an empty page in the middle does not move the time on (%s pages announced)',
    async (announced) => {
      const listed = await start(23)
      const { api } = listed
      api.announced = announced
      await listed.read()
      api.descending = true
      for (let id = 1; id <= 23; id++) api.update(id, { lastname: `Lean ${id}` })
      api.broken = { pages: [2], kind: 'empty' }
      await listed.read()
      api.broken = null
      await listed.read()
      expectMirrored(listed)
    },
  )
})

describe('what a list does not have', () => {
  const silent = { since: { ...since, deleted: null } }

  test('goes with the first reading: it may be of a source by another name', async () => {
    const listed = await start(23)
    await listed.read(silent)
    listed.api.forget(5)
    const renamed = Mirror.renamedSource(listed.mirror)
    await sweepInto(renamed, vendorSource(listed.api, silent))
    expectMirrored({ ...listed, mirror: renamed })
    expect(renamed.isResyncing()).toBe(false)
  })

  test('is judged anew by a whole list, once it was too much to be believed', async () => {
    const listed = await start(23)
    const { api } = listed
    await listed.read(silent)
    const mirror = Mirror.renamedSource(listed.mirror)
    const read = (maxDeletedShare: number): unknown =>
      sweepInto(mirror, vendorSource(api, { ...silent, maxDeletedShare }))
    api.lists = 8
    await read(0.2)
    expect(mirror.isResyncing()).toBe(true)
    expect(mirror.rows('vendor_user')).toHaveLength(23)
    api.lists = Infinity
    api.update(7, { lastname: 'Lean' })
    api.insert(vendorUser(100))
    await read(0.9)
    expect(mirror.isResyncing()).toBe(false)
    expectMirrored({ ...listed, mirror })
  })

  test('is asked of other settings from the beginning', async () => {
    const listed = await start(23)
    await listed.read()
    for (const changed of [
      { updatedAt: '/changed' },
      { deleted: null },
      { from: '2017-01-01T00:00:00.000Z' },
    ]) {
      listed.api.requests.length = 0
      await listed.read({ since: { ...since, ...changed } })
      expect(listed.api.requests[0]).not.toContain('since=2017-02')
    }
  })
})
