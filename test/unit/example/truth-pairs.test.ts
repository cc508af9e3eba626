import { expect, it } from 'vitest'
import { generate } from '../../../examples/vendor-match/generate.ts'
import { truthPairs } from '../../../examples/vendor-match/truth-pairs.ts'

it('lists every pair of records of one person once, and everybody without counterpart', () => {
  const { truth } = generate({ internal: 3_000, vendor: 2_000, dirty: true, seed: 2 })
  const [vendor, internal] = [[...truth.vendor], [...truth.internal]]
  const rows = [...truthPairs(truth)]
  const wanted = vendor.flatMap(({ vendorId, internalId }) =>
    internal.filter(({ originalId }) => originalId === internalId).map((i) => `${i.internalId}/${vendorId}`),
  )
  const found = rows.filter(({ left_id, right_id }) => left_id !== null && right_id !== null)
  expect(found.map(({ left_id, right_id }) => `${left_id}/${right_id}`).sort()).toEqual(wanted.sort())
  expect(found.length).toBeGreaterThan(vendor.filter(({ internalId }) => internalId !== null).length)

  expect(new Set(rows.map(({ right_id }) => right_id).filter((id) => id !== null)).size).toBe(2_000)
  expect(new Set(rows.map(({ left_id }) => left_id).filter((id) => id !== null)).size).toBe(3_000)
  const flags = new Map(vendor.map(({ vendorId, decidable }) => [vendorId, decidable]))
  for (const { right_id, decidable } of rows)
    if (right_id !== null) expect(decidable).toBe(flags.get(right_id))
})
