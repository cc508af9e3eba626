import { describe, expect, it } from 'vitest'
import { generate } from '../../../examples/vendor-match/generate.ts'
import {
  addNoise,
  duplicateRate,
  missingRate,
  noCounterpartRate,
  noiseRates,
  vendorFieldNames,
  type VendorFields,
} from '../../../examples/vendor-match/noise.ts'
import { givenNames, surnames } from '../../../examples/vendor-match/names.ts'
import { Random } from '../../../examples/vendor-match/random.ts'
import { noiseKinds, type NoiseKind } from '../../../examples/vendor-match/records.ts'
import { nicknames, specialtySynonyms } from '../../../examples/vendor-match/tables.ts'
import { normalize } from '../../../src/match/normalize.ts'

const count = 40_000
const random = new Random(3)
const people = Array.from({ length: count }, (_, record): VendorFields => {
  // A golden-ratio sequence visits every part of the census evenly.
  const unit = (record * 0.618033988749895) % 1
  return {
    firstname: givenNames.names[givenNames.pick(unit)] ?? '',
    lastname: surnames.names[surnames.pick((unit * 7) % 1)] ?? '',
    practice_location: 'bay minette',
    specialty: 'Family Medicine',
    user_type_classification: 'Leader',
    last_active_date: '2017-01-03',
  }
})
const noisy = people.map((clean, record) => ({ clean, ...addNoise(random, record, clean) }))

/** Records to which exactly this happened. */
function only(kind: NoiseKind): { clean: VendorFields; fields: VendorFields }[] {
  return noisy
    .filter(({ kinds }) => kinds.length === 1 && kinds[0] === kind)
    .map(({ clean, fields }) => ({ clean, fields: fields as VendorFields }))
}

describe('noise', () => {
  it.each(Object.entries(noiseRates))('happens to the stated share: %s, %d', (kind, rate) => {
    expectShare(noisy.filter(({ kinds }) => kinds.includes(kind as NoiseKind)).length, count, rate)
  })

  it.each(vendorFieldNames)('leaves out the stated share of %s', (name) => {
    expectShare(noisy.filter(({ fields }) => fields[name] === null).length, count, missingRate)
  })

  it('comes independently: two kinds meet as often as chance has it', () => {
    const kinds = noiseKinds.filter((kind) => kind !== 'missing-field')
    for (const [index, a] of kinds.entries()) {
      for (const b of kinds.slice(index + 1)) {
        const both = noisy.filter((record) => record.kinds.includes(a) && record.kinds.includes(b)).length
        expectShare(both, count, noiseRates[a] * noiseRates[b])
      }
    }
  })

  it('leaves a record without noise as it is', () => {
    const untouched = noisy.filter(({ kinds }) => kinds.length === 0)
    expect(untouched.map(({ fields }) => fields)).toEqual(untouched.map(({ clean }) => clean))
  })

  it('called harmless changes the text but nothing that normalising keeps', () => {
    const changed = only('harmless')
    for (const { clean, fields } of changed) {
      expect(fields).not.toEqual(clean)
      expect(normalized(fields)).toEqual(normalized(clean))
    }
    const texts = changed.map(({ fields }) => fields.firstname + fields.practice_location).join()
    expect(texts).toMatch(/[á-ý]/)
    expect(texts).toMatch(/\u0301/)
    expect(texts).toMatch(/[A-Z]{6}/)
    expect(texts).toMatch(/ {2}/)
  })

  it('called a typo always changes a letter of that name and of no other field', () => {
    for (const { clean, fields } of only('first-name-typo')) {
      expect(letters(fields.firstname)).not.toBe(letters(clean.firstname))
      expect({ ...fields, firstname: clean.firstname }).toEqual(clean)
    }
    for (const { clean, fields } of only('surname-typo')) {
      expect(letters(fields.lastname)).not.toBe(letters(clean.lastname))
      expect({ ...fields, lastname: clean.lastname }).toEqual(clean)
    }
  })

  it('of every other kind does what its name says', () => {
    for (const { clean, fields } of only('nickname')) {
      expect(nicknames.get(clean.firstname)).toContain(fields.firstname)
    }
    for (const { clean, fields } of only('other-surname')) expect(fields.lastname).not.toBe(clean.lastname)
    for (const { clean, fields } of only('surname-form')) {
      expect(fields.lastname).toContain(clean.lastname)
      expect(fields.lastname.length).toBeGreaterThan(clean.lastname.length)
    }
    for (const { clean, fields } of only('swapped-names')) {
      expect([fields.firstname, fields.lastname]).toEqual([clean.lastname, clean.firstname])
    }
    for (const { clean, fields } of only('moved')) {
      expect(fields.practice_location).not.toBe(clean.practice_location)
    }
    for (const { fields } of only('specialty-synonym')) {
      expect(specialtySynonyms['Family Medicine']).toContain(fields.specialty)
    }
  })
})

describe('dirty data', () => {
  const internal = 30_000
  const vendor = 20_000
  const data = generate({ internal, vendor, dirty: true, seed: 5 })
  const truth = { vendor: [...data.truth.vendor], internal: [...data.truth.internal] }

  it('has the stated share of vendor users without counterpart', () => {
    const alone = truth.vendor.filter(({ internalId }) => internalId === null).length
    expectShare(alone, vendor, noCounterpartRate)
  })

  it('has the stated share of duplicates on each side', () => {
    const copies = truth.internal.filter(({ internalId, originalId }) => internalId !== originalId)
    expectShare(copies.length, internal, duplicateRate)
    const known = truth.vendor.flatMap(({ internalId }) => (internalId === null ? [] : [internalId]))
    expectShare(known.length - new Set(known).size, known.length, duplicateRate)
  })

  it('names only first records as counterparts', () => {
    const originals = new Set<number | null>(truth.internal.map(({ originalId }) => originalId))
    const others = truth.vendor.filter(({ internalId }) => internalId !== null && !originals.has(internalId))
    expect(others).toEqual([])
  })
})

function normalized(fields: VendorFields): (string | null)[] {
  return [
    normalize('given-name', fields.firstname),
    normalize('surname', fields.lastname),
    normalize('place', fields.practice_location),
    normalize('category', fields.specialty),
  ]
}

function letters(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '')
}

/** Five standard deviations and a half count for what is rare. */
function expectShare(found: number, total: number, share: number): void {
  const deviation = Math.sqrt(total * share * (1 - share))
  expect(Math.abs(found - total * share)).toBeLessThan(5 * deviation + 0.5)
}
