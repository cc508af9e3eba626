import { describe } from 'vitest'
import { startVendorSimulator } from '../../examples/vendor-match/simulator.ts'
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
    ],
    close: () => simulator.close(),
  }
}

const flavours = [
  { flavour: 'with a number of pages', options: {} },
  { flavour: 'without a number of pages', options: { totalPages: null } },
  { flavour: 'one request at a time', options: { concurrency: 1 } },
]

describe.each(flavours)('paged API $flavour', ({ flavour, options }) => {
  sourceConformance(`the poller, ${flavour},`, () => vendorFixture(options))
})
