import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fieldKinds, longestNormalized, normalize } from '../../../src/match/normalize.ts'

const anyKind = fc.constantFrom(...fieldKinds)
/** Words that the rules speak about, among arbitrary text. */
const tricky = fc.constantFrom(
  'Jr.',
  'M.D.',
  'Do',
  'Dr.',
  "O'Brien",
  'ß',
  'İ',
  '´',
  'St',
  '_',
  '-',
  ' ',
  '\u0000',
  'ﬁ',
  'Σ',
)
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(fc.oneof(tricky, fc.string({ maxLength: 6 })), { maxLength: 8 }).map((words) => words.join(' ')),
)

describe('normalize', () => {
  it('is idempotent for every kind and text', () => {
    fc.assert(
      fc.property(anyKind, anyText, (kind, text) => {
        const once = normalize(kind, text)
        if (once !== null) expect(normalize(kind, once)).toBe(once)
      }),
      { numRuns: 2000 },
    )
  })

  it('is idempotent for every single character', () => {
    for (const kind of fieldKinds) {
      for (let point = 0; point < 0x20000; point++) {
        const once = normalize(kind, `a${String.fromCodePoint(point)}b`) ?? ''
        if (normalize(kind, once) !== once) expect.fail(`${kind} U+${point.toString(16)}`)
      }
    }
  }, 60_000)

  it('holds no control character, so that a separator of keys cannot occur in it', () => {
    fc.assert(
      fc.property(anyKind, anyText, (kind, text) => {
        expect(normalize(kind, text) ?? '').not.toMatch(/\p{Cc}/u)
      }),
    )
  })

  it('undoes case, accents, apostrophes, surplus spaces and underscores', () => {
    const same: [(typeof fieldKinds)[number], string, string][] = [
      ['given-name', '  JOSÉ ', 'jose'],
      ['given-name', 'Mary-Ann', 'mary ann'],
      ['given-name', 'Dr. Misty', 'misty'],
      ['surname', 'O’Brien', 'obrien'],
      ['surname', 'O´Brien', 'obrien'],
      ['surname', 'Smith, Jr.', 'smith'],
      ['surname', 'Smith III', 'smith'],
      ['surname', 'Lean, M.D., Ph.D.', 'lean'],
      ['surname', 'Großmann', 'grossmann'],
      ['surname', 'Łukasz Øre', 'lukasz ore'],
      ['place', 'bay_minette', 'bay minette'],
      ['place', 'St. Elmo', 'saint elmo'],
      ['category', 'OB/GYN', 'ob gyn'],
      ['category', 'Ear, Nose & Throat', 'ear nose and throat'],
      ['date', '2016-12-25', '20161225'],
      ['date', '2016-12-25 10:00:00', '20161225'],
    ]
    for (const [kind, raw, normal] of same) expect(normalize(kind, raw), raw).toBe(normal)
  })

  it('never drops the only word: somebody is called Do', () => {
    expect(normalize('surname', 'Do')).toBe('do')
    expect(normalize('surname', 'Do Jr')).toBe('do')
    expect(normalize('given-name', 'Dr')).toBe('dr')
  })

  it('is null when nothing is left', () => {
    for (const kind of fieldKinds)
      for (const raw of ['', '  ', "'", '-', '\u0301']) expect(normalize(kind, raw)).toBeNull()
  })

  it('is bounded for a name of 10,000 characters, without half of a surrogate pair', () => {
    const long = normalize('surname', '\u{1F600}a'.repeat(5000).replaceAll('\u{1F600}', '\u{20000}')) ?? ''
    expect(long.length).toBeLessThanOrEqual(longestNormalized)
    expect(long.isWellFormed()).toBe(true)
  })
})
