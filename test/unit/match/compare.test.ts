import { distance } from 'fastest-levenshtein'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { comparisonOf, isOneTypo } from '../../../src/match/compare.ts'
import { censusGivenNames, censusSurnames } from '../../../src/match/frequencies.ts'
import { jaroWinkler } from '../../../src/match/jaro-winkler.ts'
import { defaultLevels, defaultSimilarity, type Level } from '../../../src/match/levels.ts'
import { fieldKinds, type FieldKind } from '../../../src/match/normalize.ts'
import { compileSynonyms, prepareValue, type PreparedValue } from '../../../src/match/prepare.ts'
import { specialtySynonyms } from '../../../src/match/synonyms.ts'

const tables = { 'given-name': censusGivenNames, surname: censusSurnames }

function prepared(kind: FieldKind, raw: string): PreparedValue {
  const value = prepareValue(raw, {
    kind,
    table: kind === 'given-name' || kind === 'surname' ? tables[kind] : null,
    synonyms: kind === 'category' ? compileSynonyms(specialtySynonyms) : new Map(),
  })
  if (value === null) throw new Error(`nothing is left of ${raw}`)
  return { ...value, number: null, keyParts: [] }
}

function level(kind: FieldKind, a: string, b: string): Level {
  return comparisonOf(kind, defaultSimilarity)(prepared(kind, a), prepared(kind, b))
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'e', 'r'), minLength: 1, maxLength: 7 })
const words = fc.array(word, { minLength: 1, maxLength: 3 }).map((all) => all.join(' '))
/** A word, and itself after a slip, so that likeness is not left to chance. */
const slipped = fc.tuple(word, word, fc.nat(7), fc.nat(2)).map(([text, other, at, cut]) => {
  const end = Math.min(text.length, at + cut)
  return [text, text.slice(0, at) + other.charAt(0) + text.slice(end)] as const
})
const likely = [
  'bill',
  'b',
  'jennifer',
  'jenifer lee',
  'meyer',
  'maier',
  'hendrickson',
  'hendriksen',
  'washington',
  'washintgom',
  'family medicine',
  'family practise',
  '2016-12-11',
  '2016-01-25',
]
const name = fc.oneof(
  words,
  fc.constantFrom(...likely),
  fc.constantFrom(
    'bill',
    'william',
    'will',
    'de la cruz',
    'delacruz smith',
    'smith-jones',
    'Heart',
    'Cardiology',
    '2016-12-10',
    '2016-10-12',
  ),
)

describe('comparing', () => {
  it('tells the levels apart', () => {
    const expected: [FieldKind, string, string, Level][] = [
      ['given-name', 'José', 'JOSE', 'exact'],
      ['given-name', 'Mary Ann', 'Maryann', 'exact'],
      ['given-name', 'Bill', 'William', 'nickname'],
      ['given-name', 'Bob', 'Rupert', 'different'],
      ['given-name', 'J.', 'James', 'initial'],
      ['given-name', 'M', 'James', 'different'],
      ['given-name', 'Jmaes', 'James', 'close'],
      ['given-name', 'Mary J', 'Mary', 'part'],
      ['given-name', 'James', 'Mary', 'different'],
      ['surname', 'Smith', 'Smit', 'close'],
      ['surname', 'Smith-Jones', 'Jones', 'part'],
      ['surname', 'Jones Smith', 'Smith-Brown', 'part'],
      ['surname', 'De La Cruz', 'De La Rosa', 'different'],
      ['surname', 'Smith', 'Schmidt', 'different'],
      ['surname', 'Meyer', 'Maier', 'sound'],
      ['surname', 'Washington', 'Washingtton Jr', 'close'],
      ['surname', 'Richardson', 'Richardsen', 'close'],
      ['surname', 'Hendrickson', 'Hendriksen', 'sound'],
      ['place', 'bay minette', 'bay_minette', 'exact'],
      ['place', 'hoover', 'hover', 'close'],
      ['place', 'hoover', 'mobile', 'different'],
      ['category', 'Heart', 'Cardiology', 'synonym'],
      ['category', 'GP', 'Family  medicine', 'synonym'],
      ['category', 'familymedicine', 'Family Medicine', 'exact'],
      ['category', 'Neurosurgery', 'Neurology', 'close'],
      ['category', 'Urology', 'Neurology', 'different'],
      ['date', '2016-12-10', '20161210', 'exact'],
      ['date', '2016-12-10', '2016-10-12', 'transposed'],
      ['date', '2016-12-10', '2016-12-11', 'close'],
      ['date', '2016-12-10', '2016-01-25', 'year'],
      ['date', '2016-12-10', '1999-01-25', 'different'],
      ['text', 'some text', 'some  TEXT', 'exact'],
      ['text', 'some text', 'other', 'different'],
    ]
    for (const [kind, a, b, wanted] of expected) expect(level(kind, a, b), `${kind} ${a} ${b}`).toBe(wanted)
  })

  it('is symmetric for every kind', () => {
    fc.assert(
      fc.property(fc.constantFrom(...fieldKinds), name, name, (kind, a, b) => {
        expect(level(kind, a, b)).toBe(level(kind, b, a))
      }),
      { numRuns: 3000 },
    )
  })

  it('was tried on values of every level of every kind', () => {
    const pairs = fc.sample(fc.tuple(name, name), { numRuns: 20_000, seed: 1 })
    for (const kind of fieldKinds) {
      const met = new Set(pairs.map(([a, b]) => level(kind, a, b)))
      expect([...Object.keys(defaultLevels[kind])].filter((one) => !met.has(one as Level))).toEqual([])
    }
  }, 60_000)

  it('is exact for a value and itself', () => {
    fc.assert(
      fc.property(fc.constantFrom(...fieldKinds), name, (kind, a) => {
        expect(level(kind, a, a)).toBe('exact')
      }),
    )
  })

  it('takes one typo for what edit distance and exchanged neighbours say', () => {
    const count = { one: 0, more: 0 }
    const exchanged = (a: string, b: string): boolean =>
      Array.from(a).some(
        (_, i) => b === a.slice(0, i) + a.slice(i + 1, i + 2) + a.slice(i, i + 1) + a.slice(i + 2),
      )
    fc.assert(
      fc.property(fc.oneof(fc.tuple(word, word), slipped), ([a, b]) => {
        const expected = distance(a, b) <= 1 || exchanged(a, b)
        count[expected ? 'one' : 'more']++
        expect(isOneTypo(a, b)).toBe(expected)
      }),
      { numRuns: 5000 },
    )
    expect(Math.min(count.one, count.more)).toBeGreaterThan(500)
  })

  it('skips Jaro-Winkler only where it could not reach the similarity', () => {
    fc.assert(
      fc.property(word, word, fc.double({ min: 0.5, max: 1, noNaN: true }), (a, b, similarity) => {
        const found = comparisonOf('text', similarity)(prepared('text', a), prepared('text', b))
        if (found === 'similar' || found === 'different') {
          expect(found === 'similar').toBe(jaroWinkler(a, b) >= similarity)
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('does not close nicknames transitively', () => {
    expect(level('given-name', 'Bob', 'Robert')).toBe('nickname')
    expect(level('given-name', 'Robert', 'Bill')).toBe('nickname')
    expect(level('given-name', 'Bob', 'William')).toBe('different')
  })
})
