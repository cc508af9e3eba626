import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { generate, type GeneratedData } from '../../../examples/vendor-match/generate.ts'
import { vendorOrders, type VendorOrder, type VendorUser } from '../../../examples/vendor-match/records.ts'
import { normalize } from '../../../src/match/normalize.ts'

describe('generated data', () => {
  it('is the same, byte for byte, for the same seed', () => {
    const options = { internal: 3_000, vendor: 500, dirty: true, seed: 7 }
    expect(digest(generate(options))).toBe(digest(generate(options)))
    expect(digest(generate({ ...options, seed: 8 }))).not.toBe(digest(generate(options)))
  })

  it('stays what it is: figures in documents and benchmarks refer to it', () => {
    expect(digest(generate({ internal: 2_000, vendor: 300, dirty: false, seed: 1 }))).toBe(pinned.clean)
    expect(digest(generate({ internal: 2_000, vendor: 300, dirty: true, seed: 1 }))).toBe(pinned.dirty)
  })

  it('has ids with gaps, dates within the forty days, and a practice in a town of its own for each', () => {
    const data = generate({ internal: 5_000, vendor: 1_000 })
    const users = [...data.internalUsers()]
    expect(users.at(-1)?.id).toBeGreaterThan(5_000)
    expect(new Set(users.map(({ id }) => id)).size).toBe(5_000)
    const dates = users.map(({ last_active_date }) => last_active_date).sort()
    expect([dates[0], dates.at(-1)]).toEqual(['2016-12-25', '2017-02-02'])
    const practices = [...data.practices()]
    expect(practices[62]).toEqual({ id: 63, name: 'generic_clinic_62', location: 'cahaba heights' })
    expect(new Set(practices.map(({ location }) => location)).size).toBe(100)
  })

  it('draws names as often as the census counts them', () => {
    const users = [...generate({ internal: 20_000, vendor: 0 }).internalUsers()]
    const smiths = users.filter(({ lastname }) => lastname === 'Smith').length
    // 1.006% of the people, of whom the list covers 63.25%.
    expectShare(smiths, 20_000, 0.01006 / 0.63251)
    expect(users.some(({ lastname }) => lastname === "O'Brien")).toBe(true)
  })

  it('refuses more vendor users than internal ones', () => {
    expect(() => generate({ internal: 10, vendor: 11 })).toThrow(RangeError)
  })
})

describe('clean data', () => {
  const data = generate({ internal: 20_000, vendor: 3_000 })
  const locations = new Map([...data.practices()].map(({ id, location }) => [id, location]))
  const internal = [...data.internalUsers()].map(
    (user) =>
      [
        user.id,
        fourFields(user.firstname, user.lastname, locations.get(user.practice_id) ?? '', user.specialty),
      ] as const,
  )
  const vendor = all(data).map((user) => [user.id, vendorFields(user)] as const)

  it('has the four fields but once on each side', () => {
    expect(new Set(internal.map(([, fields]) => fields)).size).toBe(20_000)
    expect(new Set(vendor.map(([, fields]) => fields)).size).toBe(3_000)
  })

  it('gives every vendor user the one internal counterpart that the truth names', () => {
    const idOf = new Map(internal.map(([id, fields]) => [fields, id]))
    const truth = new Map([...data.truth.vendor].map((record) => [record.vendorId, record]))
    for (const [id, fields] of vendor) {
      expect(truth.get(id)).toEqual({
        vendorId: id,
        internalId: idOf.get(fields),
        decidable: true,
        noise: [],
      })
    }
    expect([...data.truth.internal].every(({ decidable }) => decidable)).toBe(true)
  })

  it('makes common names unique by their places, without running out of them', () => {
    expect(() => generate({ internal: 200_000, vendor: 10 })).not.toThrow()
  })
})

describe('the order of the vendor’s users', () => {
  const data = generate({ internal: 4_000, vendor: 2_000, dirty: true })

  it('is by surname then id, missing surnames last', () => {
    const users = all(data)
    const wanted = users.toSorted(
      (a, b) =>
        Number(a.lastname === null) - Number(b.lastname === null) ||
        ((a.lastname ?? '') < (b.lastname ?? '') ? -1 : Number(a.lastname !== b.lastname)) ||
        a.id - b.id,
    )
    expect(users).toEqual(wanted)
  })

  it('does not decide who is there, and a page is the same as that part of the whole', () => {
    const ids = (order: VendorOrder): number[] => all(data, order).map(({ id }) => id)
    for (const order of vendorOrders) {
      expect(ids(order).toSorted((a, b) => a - b)).toEqual(ids('id'))
      const users = data.vendorUsers(order)
      expect(users.slice(1_995, 3_000)).toEqual(all(data, order).slice(1_995))
      expect(users.slice(2_000, 3_000)).toEqual([])
    }
  })
})

const pinned = {
  clean: '640289fdec24aae36430250dc92e429d50e9f991b75a0883128f64c7c42c208d',
  dirty: 'f80c410036118f025340af3d9ddfadd5654a4f0ed2aa9311233604c61f524c8c',
}

function digest(data: GeneratedData): string {
  const hash = createHash('sha256')
  for (const records of [
    data.practices(),
    data.internalUsers(),
    all(data),
    data.truth.vendor,
    data.truth.internal,
  ]) {
    for (const record of records) hash.update(`${JSON.stringify(record)}\n`)
  }
  return hash.digest('hex')
}

function all(data: GeneratedData, order?: VendorOrder): VendorUser[] {
  return data.vendorUsers(order).slice(0, data.vendorCount)
}

function vendorFields(user: VendorUser): string {
  return fourFields(
    user.firstname ?? '',
    user.lastname ?? '',
    user.practice_location ?? '',
    user.specialty ?? '',
  )
}

function fourFields(first: string, last: string, location: string, specialty: string): string {
  return JSON.stringify([
    normalize('given-name', first),
    normalize('surname', last),
    normalize('place', location),
    normalize('category', specialty),
  ])
}

/** Five standard deviations: a fixed seed either passes or does not, and another one would fail once in a million. */
function expectShare(count: number, total: number, share: number): void {
  const deviation = Math.sqrt(total * share * (1 - share))
  expect(Math.abs(count - total * share)).toBeLessThan(5 * deviation)
}
