import { afterEach, describe, expect, test } from 'vitest'
import type { HttpSourceOptions } from '../../../src/poller/source.ts'
import { Mirror } from '../../support/mirror.ts'
import { PagedApi, type PagedStyle } from '../../support/paged-api.ts'
import { sweepInto, vendorRow, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

interface Style {
  readonly style: Exclude<PagedStyle, 'since'>
  readonly options: Partial<HttpSourceOptions>
}

/** Ways in which nothing says how many pages there are. */
const silent: readonly Style[] = [
  { style: 'number', options: { page: { by: 'number', param: 'page', first: 1 } } },
  {
    style: 'offset',
    options: { page: { by: 'offset', param: 'offset', first: 0, limit: 10, limitParam: 'limit' } },
  },
  { style: 'cursor', options: { page: { by: 'cursor', param: 'cursor', next: '/next' } } },
  { style: 'next-url', options: { page: { by: 'next-url', next: '/links/next' } } },
  { style: 'link-header', options: { page: { by: 'link-header' } } },
]

const isLinked = ({ style }: Style): boolean => style !== 'number' && style !== 'offset'

interface Swept {
  readonly api: PagedApi
  readonly mirror: Mirror
  sweep(): ReturnType<typeof sweepInto>
}

async function start({ style, options }: Style, count = 95): Promise<Swept> {
  const api = await PagedApi.start(style, vendorUsers(count), 10)
  open.push(api)
  const mirror = new Mirror()
  const settings = { totalPages: null, maxDeletedShare: 1, ...options }
  return { api, mirror, sweep: () => sweepInto(mirror, vendorSource(api, settings)) }
}

function expectMirrored({ mirror, api }: Swept): void {
  const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
  expect(sorted(mirror.rows('vendor_user'))).toEqual(sorted(api.users().map(vendorRow)))
}

describe.each(silent)('by $style, without a total', (style) => {
  test('the end is where nothing follows, and what is gone is deleted', async () => {
    for (const count of [0, 7, 40, 95]) {
      const swept = await start(style, count)
      await swept.sweep()
      expectMirrored(swept)
      for (let id = 1; id <= count; id += 9) swept.api.remove(id)
      for (let run = 0; run < 3; run++) await swept.sweep()
      expectMirrored(swept)
      for (let id = 1; id <= count; id++) swept.api.remove(id)
      if (count > 0) swept.api.insert(vendorUser(1000))
      for (let run = 0; run < 3; run++) await swept.sweep()
      expectMirrored(swept)
    }
  })

  test.each([
    ['the first page', [1]],
    ['a page in the middle', [4]],
    ['some pages in the middle', [4, 5, 6]],
    ['all pages but the first and the last', [2, 3, 4, 5, 6, 7, 8, 9]],
  ])('users behind an empty page live, be it %s, and however often', async (_, pages) => {
    const swept = await start(style)
    await swept.sweep()
    for (const kind of isLinked(style) ? (['empty', 'hollow'] as const) : (['empty'] as const)) {
      swept.api.broken = { pages, kind }
      for (let run = 0; run < 4; run++) expect(await swept.sweep()).toMatchObject({ deletes: 0 })
    }
    expectMirrored(swept)
    swept.api.broken = null
    swept.api.remove(50)
    for (let run = 0; run < 3; run++) await swept.sweep()
    expectMirrored(swept)
  })

  test('what changes behind an empty page is read all the same', async () => {
    const swept = await start(style)
    await swept.sweep()
    swept.api.broken = { pages: [4], kind: 'empty' }
    swept.api.update(77, { lastname: 'Lean' })
    await swept.sweep()
    expectMirrored(swept)
  })
})

describe.each(silent.filter((style) => !isLinked(style)))(
  'by $style, where pages can be asked for by themselves',
  (style) => {
    test('an end that comes back while what it hid is pending takes nothing away', async () => {
      const swept = await start(style)
      await swept.sweep()
      swept.api.broken = { pages: [8, 9, 10], kind: 'empty' }
      await swept.sweep()
      swept.api.broken = { pages: [8, 9], kind: 'empty' }
      for (let run = 0; run < 4; run++) expect(await swept.sweep()).toMatchObject({ deletes: 0 })
      expectMirrored(swept)
    })
  },
)

test('where links are no more, those of an earlier sweep end nothing', async () => {
  const swept = await start(
    { style: 'cursor', options: { page: { by: 'cursor', param: 'cursor', next: '/next' } } },
    50,
  )
  await swept.sweep()
  for (let id = 31; id <= 50; id++) swept.api.remove(id)
  swept.api.broken = { pages: [5], kind: 'status' }
  for (let run = 0; run < 3; run++) await swept.sweep()
  expectMirrored(swept)
})
