import { afterEach, describe, expect, test } from 'vitest'
import type { ChangeBatch } from '../../../src/changes/change-batch.ts'
import { earlier, timeOf } from '../../../src/poller/change-time.ts'
import type { HttpSource } from '../../../src/poller/source.ts'
import { FollowedIntoMirror, manualSchedule } from '../../support/followed-source.ts'
import { Mirror } from '../../support/mirror.ts'
import { startPagedApi, type PagedApi } from '../../support/paged-api.ts'
import {
  expectMirrored,
  sweepInto,
  vendorColumns,
  vendorSource,
  vendorUser,
} from '../../support/vendor-source.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
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
    const api = await startPagedApi('since', 43)
    const mirror = new Mirror()
    const { startSchedule, tick } = manualSchedule()
    const source = vendorSource(api, { since, follow: true, startSchedule })
    const followed = new FollowedIntoMirror(source, mirror)
    open.push({ close: () => followed.stop() })
    await followed.until(() => /^\{"round":\d+,"page":0,"since":"/.test(mirror.position ?? ''))
    expectMirrored(mirror, api.users())
    await followed.until(() => source.status?.().loaded === true)
    api.update(7, { lastname: 'Lean' })
    api.remove(8)
    api.insert(vendorUser(100))
    api.requests.length = 0
    const before = followed.count('upsert')
    tick()
    await followed.until(() => followed.count('delete') === 1)
    expectMirrored(mirror, api.users())
    expect(followed.count('upsert') - before).toBeLessThanOrEqual(4)
    await followed.until(() => mirror.position?.includes('00:45') === true)
    // What is new is asked for twice, in case the list broke off.
    const asked = expect.stringContaining('since=2017-02-01T00%3A42%3A00.000Z') as string
    expect(api.requests).toEqual([asked, asked])
    source.resync?.('vendor_user')
    await followed.until(() => followed.count('resync-end') === 2)
    expectMirrored(mirror, api.users())
  })

  test.each(['status', 'empty'] as const)(
    'a list that breaks off (%s) neither ends a resync nor moves the time on',
    async (kind) => {
      const api = await startPagedApi('since', 43)
      const mirror = new Mirror()
      const { startSchedule, tick } = manualSchedule()
      const source = vendorSource(api, { since, follow: true, startSchedule })
      const followed = new FollowedIntoMirror(source, mirror)
      open.push({ close: () => followed.stop() })
      await followed.until(() => /"page":0,"since":"/.test(mirror.position ?? ''))
      api.broken = { pages: [4], kind }
      source.resync?.('vendor_user')
      const rounds = (): number =>
        followed.batches.filter(({ after }) => /"page":0,"since":null/.test(after)).length
      const before = rounds()
      await followed.until(() => rounds() === before + 5)
      expect(followed.count('resync-end')).toBe(1)
      expectMirrored(mirror, api.users())
      api.broken = null
      tick()
      await followed.until(() => followed.count('resync-end') === 2)
      expectMirrored(mirror, api.users())
    },
  )

  describe('that tells of no deletions', () => {
    const silent = { ...since, deleted: null }
    const once = { attempts: 1, baseMs: 1, maxMs: 1 }

    function following(api: PagedApi): HttpSource {
      const { startSchedule } = manualSchedule()
      const source = vendorSource(api, { since: silent, follow: true, startSchedule, retry: once })
      open.push(source)
      return source
    }

    /** One life of the process: until behind the commit of a batch like this. */
    async function live(
      source: HttpSource,
      mirror: Mirror,
      isLast: (batch: ChangeBatch) => boolean,
    ): Promise<void> {
      const { signal } = new AbortController()
      for await (const batch of source.open({ after: mirror.position, ledger: mirror.ledger(), signal })) {
        expect(mirror.apply(batch)).toBe(true)
        if (isLast(batch)) return
      }
    }

    const brings = (kind: string) => (batch: ChangeBatch) =>
      batch.changes.some((change) => change.kind === kind)

    test.each([
      ['with its first page', brings('resync-begin')],
      ['in the middle', ({ after }: ChangeBatch) => after.includes('"page":3,"since":null')],
      ['between two rounds', ({ after }: ChangeBatch) => after.includes('"page":0,"since":null')],
    ])('a resync ends though a restart interrupts it %s', async (_, isLast) => {
      const api = await startPagedApi('since', 43)
      const mirror = new Mirror()
      await sweepInto(mirror, vendorSource(api, { since: silent }))
      api.forget(8)
      const source = following(api)
      source.resync?.('vendor_user')
      let isBegun = false
      await live(source, mirror, (batch) => {
        isBegun ||= brings('resync-begin')(batch)
        return isBegun && isLast(batch)
      })
      expect(mirror.isResyncing()).toBe(true)
      await live(following(api), mirror, brings('resync-end'))
      expect(mirror.isResyncing()).toBe(false)
      expectMirrored(mirror, api.users())
    })

    test('a resync that fails before anything of it is committed is begun again', async () => {
      const api = await startPagedApi('since', 43)
      const mirror = new Mirror()
      await sweepInto(mirror, vendorSource(api, { since: silent }))
      api.forget(8)
      const source = following(api)
      await expect(
        live(source, mirror, () => {
          api.broken = { pages: [1], kind: 'status' }
          source.resync?.('vendor_user')
          return false
        }),
      ).rejects.toMatchObject({ code: 'page-not-found' })
      expect(mirror.isResyncing()).toBe(false)
      api.broken = null
      await live(source, mirror, brings('resync-end'))
      expectMirrored(mirror, api.users())
    })

    test('other columns are taken of all records, not only of those that change', async () => {
      const api = await startPagedApi('since', 43)
      const mirror = new Mirror()
      const columns = vendorColumns.filter(({ name }) => name !== 'specialty')
      await sweepInto(mirror, vendorSource(api, { since: silent, columns }))
      await sweepInto(mirror, vendorSource(api, { since: silent }))
      expectMirrored(mirror, api.users())
      api.requests.length = 0
      await sweepInto(mirror, vendorSource(api, { since: silent }))
      expect(api.requests.filter((url) => !url.includes('since='))).toEqual([])
    })

    test('records of another shape stop the source, once all were listed', async () => {
      const api = await startPagedApi('since', 43)
      const mirror = new Mirror()
      for (let id = 1; id <= 10; id++) api.replace(id, { ...vendorUser(id), lastname: undefined })
      await sweepInto(mirror, vendorSource(api, { since: silent }))
      for (let id = 11; id <= 20; id++) api.replace(id, { ...vendorUser(id), specialty: undefined })
      await expect(sweepInto(mirror, vendorSource(api, { since: silent }))).rejects.toMatchObject({
        code: 'schema-drift',
        message: expect.stringContaining('records lack the column specialty') as string,
      })
      for (let id = 11; id <= 20; id++) api.update(id, { specialty: 'Oncology' })
      await sweepInto(mirror, vendorSource(api, { since: silent }))
      expectMirrored(mirror, api.users())
    })
  })
})
