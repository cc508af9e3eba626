import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GrowingTexts } from '../../../src/state/growing-texts.ts'
import { ResidentSide } from '../../../src/state/resident-side.ts'
import { tries } from '../../support/property.ts'

/** Few enough that records share them; with the bounds, and some that differ in the upper or the lower bits only. */
const key = fc.constantFrom(
  0,
  1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 50,
  2 ** 51,
  2 ** 52,
  2 ** 53 - 1,
)
const keys = fc.uniqueArray(key, { maxLength: 5 })
const value = fc.option(fc.constantFrom('', 'ann', 'josé', 'a name of more than a dozen letters'))
const record = fc.record({ id: fc.string({ unit: 'grapheme' }), values: fc.tuple(value, value, value), keys })

describe('records in memory', () => {
  it('are found by each of their keys, once, and by no other', () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 40 }),
        fc.array(keys, { maxLength: 10 }),
        (records, probes) => {
          const side = new ResidentSide([0, 2])
          for (const one of records) side.add(one)
          for (const probe of probes) {
            const expected = records.flatMap((one, place) =>
              one.keys.some((k) => probe.includes(k)) ? [place] : [],
            )
            expect(side.find(probe).sort((a, b) => a - b)).toEqual(expected)
          }
        },
      ),
      tries(200),
    )
  })

  it('give back their ids, the values that are compared, and all of their keys', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 40 }), (records) => {
        const side = new ResidentSide([0, 2])
        for (const one of records) side.add(one)
        expect(side.count).toBe(records.length)
        for (const [place, { id, values }] of records.entries()) {
          expect(side.id(place)).toBe(id)
          for (const [at, field] of [0, 2].entries()) {
            const number = side.valueNumber(place, at)
            expect(number < 0 ? null : side.value(at, number)).toBe(values[field])
          }
        }
        const found: number[] = []
        side.eachKey((one) => found.push(one))
        const order = (a: number, b: number): number => a - b
        expect(found.sort(order)).toEqual(records.flatMap((one) => one.keys).sort(order))
      }),
      tries(200),
    )
  })

  it('occupy what they tell, about: more records, more bytes', () => {
    const side = new ResidentSide([0])
    const empty = side.bytes
    for (let i = 0; i < 20_000; i++) side.add({ id: `${i}`, values: [`name ${i}`], keys: [i, i + 1] })
    const added = side.bytes - empty
    expect(added).toBeGreaterThan(20_000 * (2 * 12 + 2 * 4 + 5))
    expect(added).toBeLessThan(20_000 * 400)
  })
})

it('texts that fill many segments, one of them larger than a segment, come back as they went', () => {
  const texts = Array.from({ length: 3_000 }, (_, i) => 'é'.repeat(i % 97) + String(i))
  texts.splice(1_000, 0, 'x'.repeat(200_000), '')
  const list = new GrowingTexts()
  for (const text of texts) list.push(text)
  expect(texts.map((_, place) => list.at(place))).toEqual(texts)
})
