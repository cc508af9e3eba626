import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jaro, jaroWinkler } from '../../../src/match/jaro-winkler.ts'

/** Written from the definition, over lists and without sharing anything with the implementation. */
function oracle(one: string, other: string): number {
  const [a, b] =
    one.length < other.length || (one.length === other.length && one < other) ? [one, other] : [other, one]
  if (a === b) return 1
  const left = a.split('')
  const right = b.split('').map((letter) => ({ letter, free: true }))
  const window = Math.max(0, Math.floor(b.length / 2) - 1)
  const matched = left.filter((letter, i) => {
    const partner = right.find(
      (place, j) => place.free && place.letter === letter && Math.abs(i - j) <= window,
    )
    if (partner) partner.free = false
    return partner !== undefined
  })
  const m = matched.length
  if (m === 0) return 0
  const others = right.filter(({ free }) => !free).map(({ letter }) => letter)
  const transpositions = Math.floor(matched.filter((letter, i) => letter !== others[i]).length / 2)
  const similarity = (m / a.length + m / b.length + (m - transpositions) / m) / 3
  if (similarity <= 0.7) return similarity
  let prefix = 0
  while (prefix < 4 && a[prefix] !== undefined && a[prefix] === b[prefix]) prefix++
  return similarity + prefix * 0.1 * (1 - similarity)
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 12 })

describe('jaroWinkler', () => {
  it('has these values, which tell implementations apart', () => {
    const golden: [string, string, number][] = [
      ['martha', 'marhta', 0.9611],
      ['dixon', 'dicksonx', 0.8133],
      ['dwayne', 'duane', 0.84],
      ['jellyfish', 'smellyfish', 0.8963],
      ['stanley', 'seng', 0.5952],
      ['abc', 'xyz', 0],
      ['', '', 1],
      ['', 'a', 0],
      ['baughman', 'baughmann', 0.9778],
    ]
    for (const [a, b, value] of golden) expect(jaroWinkler(a, b), `${a} ${b}`).toBeCloseTo(value, 4)
  })

  it('equals an independent implementation on random words', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(jaroWinkler(a, b)).toBe(oracle(a, b))
      }),
      { numRuns: 5000 },
    )
  })

  it('is symmetric, between 0 and 1, and 1 only for equal words', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (a, b) => {
        const value = jaroWinkler(a, b)
        expect(value).toBe(jaroWinkler(b, a))
        expect(value).toBeGreaterThanOrEqual(0)
        expect(value).toBeLessThanOrEqual(1)
        expect(jaro(a, b) === 1).toBe(a === b)
      }),
    )
  })
})
