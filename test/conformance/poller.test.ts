import { describe } from 'vitest'
import { startVendorSimulator } from '../../examples/vendor-match/simulator.ts'
import { PagedApi, type PagedStyle } from '../support/paged-api.ts'
import { vendorRow, vendorSource, vendorUser, vendorUsers } from '../support/vendor-source.ts'
import { sourceConformance, type SourceFixture } from './source-conformance.ts'

async function vendorFixture(options: Parameters<typeof vendorSource>[1]): Promise<SourceFixture> {
  const simulator = await startVendorSimulator({ users: vendorUsers(23), pageSize: 5 })
  return {
    createSource: () => vendorSource(simulator, options),
    expected: () => Promise.resolve({ vendor_user: [...simulator.users()].map(vendorRow) }),
    mutate: () => {
      simulator.update(3, { lastname: 'Lean', last_active_date: null })
      simulator.insert(vendorUser(100), 2)
      simulator.remove(12)
      return Promise.resolve()
    },
    // Moved records are seen at once; two more equal sweeps prove that one is gone.
    runsUntilSettled: 3,
    poison: () => {
      simulator.insert('{"firstname":"Misty","id":"E10","last_active_date":"2017-02-01"}', 7)
      return Promise.resolve({ rawContains: '"id":"E10"' })
    },
    goldenPositions: [
      '{"sweep":1,"page":1}',
      '{"sweep":3,"page":17}',
      '{"sweep":3,"page":152}',
      '{"sweep":3,"page":152,"closing":1}',
      '{"sweep":4,"page":0}',
      '{"sweep":4,"page":0,"probe":1}',
      '{"sweep":4,"page":0,"probe":2}',
    ],
    close: () => simulator.close(),
  }
}

/** Of an API that lists its users in another way, and what its source must be told of it. */
async function pagedFixture(
  style: PagedStyle,
  options: Parameters<typeof vendorSource>[1],
): Promise<SourceFixture> {
  const api = await PagedApi.start(style, vendorUsers(23), 5)
  const isSince = style === 'since'
  return {
    createSource: () => vendorSource(api, options),
    expected: () => Promise.resolve({ vendor_user: api.users().map(vendorRow) }),
    mutate: () => {
      api.update(3, { lastname: 'Lean', last_active_date: null })
      api.insert(vendorUser(100), 2)
      api.remove(12)
      return Promise.resolve()
    },
    runsUntilSettled: isSince ? 1 : 3,
    poison: () => {
      api.insert('{"firstname":"Misty","id":"E10","last_active_date":"2017-02-01"}', 7)
      return Promise.resolve({ rawContains: '"id":"E10"' })
    },
    goldenPositions: isSince
      ? [
          '{"round":1,"page":1,"since":null}',
          '{"round":1,"page":12,"since":null}',
          '{"round":2,"page":0,"since":"2017-02-01T00:22:00.000Z"}',
          '{"round":2,"page":1,"since":"2017-02-01T00:22:00.000Z"}',
        ]
      : [
          '{"sweep":1,"page":1,"next":"QDU"}',
          '{"sweep":1,"page":2,"next":"http://vendor.example/users?after=QDEw"}',
          '{"sweep":1,"page":5}',
          '{"sweep":2,"page":0}',
        ],
    close: () => api.close(),
  }
}

const styles: [PagedStyle, Parameters<typeof vendorSource>[1]][] = [
  [
    'offset',
    {
      page: { by: 'offset', param: 'offset', first: 0, limit: 5, limitParam: 'limit' },
      totalPages: null,
      totalRecords: '/total',
    },
  ],
  ['cursor', { page: { by: 'cursor', param: 'cursor', next: '/next' }, totalPages: null }],
  ['next-url', { page: { by: 'next-url', next: '/links/next' }, totalPages: null }],
  ['link-header', { page: { by: 'link-header' }, totalPages: null }],
  [
    'since',
    {
      since: { param: 'since', updatedAt: '/updated_at', from: null, overlapMs: 60_000, deleted: '/deleted' },
    },
  ],
]

const flavours = [
  { flavour: 'with a number of pages', options: {} },
  { flavour: 'without a number of pages', options: { totalPages: null } },
  { flavour: 'one request at a time', options: { concurrency: 1 } },
]

describe.each(flavours)('paged API $flavour', ({ flavour, options }) => {
  sourceConformance(`the poller, ${flavour},`, () => vendorFixture(options))
})

describe.each(styles)('paged API by %s', (style, options) => {
  sourceConformance(`the poller, by ${style},`, () => pagedFixture(style, options))
})
