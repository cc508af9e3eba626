import { expect, test } from 'vitest'
import { startVendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { Mirror } from '../../support/mirror.ts'
import { sweepInto, vendorSource, vendorUser } from '../../support/vendor-source.ts'

test('a record that stands on a page good and bad is rejected if and only if the bad one is the later', async () => {
  const bad = { last_active_date: 'soon' }
  const users = [vendorUser(1, bad), vendorUser(1), vendorUser(2), vendorUser(2, bad)]
  const simulator = await startVendorSimulator({ users })
  try {
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator))
    expect(mirror.rejected.map(({ key }) => key)).toEqual([['2']])
    expect(mirror.rows('vendor_user').map(({ id }) => id)).toEqual(['1', '2'])
  } finally {
    await simulator.close()
  }
})
