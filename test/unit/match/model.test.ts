import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { modelDefinition, peopleModel, type ModelDefinitionInput } from '../../../src/match/definition.ts'
import { compileModel } from '../../../src/match/model.ts'
import { probability } from '../../../src/match/weigh.ts'

const fields = ['first_name', 'last_name', 'location', 'specialty']
const model = compileModel(peopleModel, fields)
/** Another process, as it were: nothing remembered. */
const again = compileModel(peopleModel, fields)
const define = (input: ModelDefinitionInput): ReturnType<typeof compileModel> =>
  compileModel(modelDefinition.parse(input), fields)

const value = (...known: string[]): fc.Arbitrary<string | null> =>
  fc.option(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...known) },
      fc.string({ unit: 'grapheme', maxLength: 8 }),
    ),
  )
const record = fc.tuple(
  value('James', 'Jim', 'Jmaes', 'William', 'Bill', 'Smith', 'J', 'Mary Ann', 'Misty'),
  value('Smith', 'Smith-Jones', 'Jones Jr.', 'James', "O'Brien", 'Baughman', 'Baughmann', 'Lean'),
  value('bay minette', 'bay_minette', 'hoover', 'hover'),
  value('Cardiology', 'Heart', 'Urology', 'Urologist'),
)

function explainedLevels(left: (string | null)[], right: (string | null)[]): Record<string, string> {
  const parts = model.explain(model.prepare(left), model.prepare(right))
  return Object.fromEntries(parts.map(({ field, level }) => [field ?? 'prior', level]))
}

describe('a model', () => {
  it('scores in integers, the sum of what it explains', () => {
    fc.assert(
      fc.property(record, record, (a, b) => {
        const [left, right] = [model.prepare(a), model.prepare(b)]
        const score = model.score(left, right)
        expect(Number.isSafeInteger(score)).toBe(true)
        expect(model.explain(left, right).reduce((sum, { weight }) => sum + weight, 0)).toBe(score)
      }),
      { numRuns: 2000 },
    )
  })

  it('scores both ways alike, and alike when compiled anew', () => {
    fc.assert(
      fc.property(record, record, (a, b) => {
        const score = model.score(model.prepare(a), model.prepare(b))
        expect(model.score(model.prepare(b), model.prepare(a))).toBe(score)
        expect(again.score(again.prepare(a), again.prepare(b))).toBe(score)
      }),
      { numRuns: 1000 },
    )
  })

  it('gives distinct safe integers as keys, the same for raw and for normalised values', () => {
    fc.assert(
      fc.property(record, (raw) => {
        const prepared = model.prepare(raw)
        const keys = model.keys(prepared)
        expect(keys.every((key) => Number.isSafeInteger(key) && key >= 0)).toBe(true)
        expect(new Set(keys).size).toBe(keys.length)
        const normal = prepared.values.map((one) => one?.text ?? null)
        expect(model.keys(model.prepare(normal))).toEqual(keys)
        expect(again.keys(again.prepare(raw))).toEqual(keys)
      }),
      { numRuns: 1000 },
    )
  })

  it('gives a record its keys and scores whatever it was asked before', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 2, maxLength: 8 }), (rows) => {
        const forward = compileModel(peopleModel, fields)
        const keys = rows.map((row) => forward.keys(forward.prepare(row)))
        const scores = rows.map((row, i) =>
          forward.score(forward.prepare(row), forward.prepare(rows[i - 1] ?? row)),
        )
        for (let i = rows.length - 1; i >= 0; i--) {
          const row = rows[i] ?? []
          expect(model.keys(model.prepare(row))).toEqual(keys[i])
          expect(model.score(model.prepare(row), model.prepare(rows[i - 1] ?? row))).toBe(scores[i])
        }
      }),
      { numRuns: 200 },
    )
  }, 60_000)

  it('gives keys that case, accents and spaces do not change', () => {
    const clean = model.keys(model.prepare(['Jose', "O'Brien", 'bay minette', 'Family Medicine']))
    for (const noisy of [
      ['JOSÉ', 'obrien', 'Bay_Minette', 'family medicine'],
      [' jose ', 'O’BRIEN, Jr.', 'bay  minette', ' GP'],
      ['José', 'O Brien', 'BAY-MINETTE', 'Family  Medicine'],
    ]) {
      const keys = model.keys(model.prepare(noisy))
      expect(
        clean.filter((key) => keys.includes(key)),
        noisy.join(),
      ).not.toEqual([])
      if (noisy[1] !== 'O Brien') expect(keys).toEqual(clean)
    }
  })

  it('gives no key for a pass with a missing part, and none at all for an empty record', () => {
    expect(model.keys(model.prepare([null, null, null, null]))).toEqual([])
    const locationOnly = define({ block: [['last_name', 'location']] })
    expect(locationOnly.keys(locationOnly.prepare(['Jane', 'Doe', null, null]))).toEqual([])
    expect(locationOnly.keys(locationOnly.prepare(['Jane', 'Doe', 'hoover', null]))).toHaveLength(1)
  })

  it('keeps the parts of a key apart', () => {
    const names = define({ block: [['last_name', 'first_name']] })
    const key = (first: string, last: string): number[] =>
      names.keys(names.prepare([first, last, null, null]))
    expect(key('ab', 'c')).not.toEqual(key('a', 'bc'))
    expect(key('a', 'b')).not.toEqual(key('b', 'a'))
  })

  it('gives common names the longer key and rare ones the short one', () => {
    const names = define({
      block: [
        { key: ['last_name', 'first_name'], common: { below: 15, longer: [['location'], ['specialty']] } },
      ],
    })
    const keys = (values: (string | null)[]): number[] => names.keys(names.prepare(values))
    expect(keys(['James', 'Smith', 'hoover', 'Urology'])).toHaveLength(2)
    expect(keys(['James', 'Smith', null, null])).toEqual([])
    expect(keys(['Misty', 'Baughman', null, null])).toHaveLength(1)
  })

  it('finds people whose names are exchanged, however common they are', () => {
    for (const [first, last] of [
      ['James', 'Smith'],
      ['Misty', 'Lean'],
      ['Bill', 'Thomas'],
    ] as const) {
      const left = model.prepare([first, last, 'hoover', 'Urology'])
      const right = model.prepare([last, first, 'hoover', 'Urology'])
      expect(
        model.keys(left).some((key) => model.keys(right).includes(key)),
        first,
      ).toBe(true)
    }
    expect(explainedLevels(['Misty', 'Lean', 'x', null], ['Lean', 'Misty', 'x', null])).toMatchObject({
      first_name: 'swapped',
      last_name: 'swapped',
    })
  })

  it('matches the sample pair of both platforms', () => {
    const left = model.prepare(['Misty', 'Lean', 'cahaba heights', 'Dermatology'])
    const right = model.prepare(['Misty', 'Lean', 'cahaba_heights', 'Dermatology'])
    expect(model.score(left, right)).toBeGreaterThan(model.threshold)
    expect(probability(model.score(left, right))).toBeGreaterThan(0.9999)
    expect(model.keys(left)).toEqual(model.keys(right))
  })

  it('matches the most common names when all four fields agree', () => {
    const smith = model.prepare(['James', 'Smith', 'hoover', 'Urology'])
    expect(model.score(smith, smith)).toBeGreaterThanOrEqual(model.threshold)
  })

  it('weighs a rare name more than a common one, and a missing value not at all', () => {
    const score = (a: (string | null)[], b: (string | null)[]): number =>
      model.score(model.prepare(a), model.prepare(b))
    expect(score([null, 'Baughman', null, null], [null, 'Baughman', null, null])).toBeGreaterThan(
      score([null, 'Smith', null, null], [null, 'Smith', null, null]),
    )
    const nothing = score([null, null, null, null], ['Jane', null, null, null])
    expect(nothing).toBe(Math.round(-1000 * Math.log2(peopleModel.prior)))
  })

  it('takes a misspelling for likelier than another common name', () => {
    const score = (first: string): number =>
      model.score(
        model.prepare(['Maria', 'Lean', 'hoover', null]),
        model.prepare([first, 'Lean', 'hoover', null]),
      )
    expect(score('Mraia')).toBeGreaterThan(score('Marie'))
    expect(score('Marie')).toBeGreaterThanOrEqual(score('Karl'))
    expect(score('Maria')).toBeGreaterThan(score('Mraia'))
  })

  it('has a fingerprint that changes with scores and keys and with nothing else', () => {
    const changed: ModelDefinitionInput[] = [
      { prior: 1000 },
      { block: [['last_name']] },
      { compare: { ...peopleModel.compare, location: { kind: 'place', levels: { exact: { weight: 3 } } } } },
      { swapped: false },
    ]
    for (const input of changed) expect(define(input).fingerprint).not.toBe(model.fingerprint)
    expect(define({ threshold: 9, review: 2 }).fingerprint).toBe(model.fingerprint)
    expect(compileModel(peopleModel, fields).fingerprint).toBe(model.fingerprint)
    expect(compileModel(peopleModel, [...fields].reverse()).fingerprint).not.toBe(model.fingerprint)
  })

  it('probability is one half at zero, and two to one at one bit', () => {
    expect(probability(0)).toBe(0.5)
    expect(probability(1000)).toBeCloseTo(2 / 3)
    expect(probability(-1e9)).toBe(0)
  })
})
