import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitMixture, type LevelPattern, type LevelShares } from '../../../../src/match/calibrate/em.ts'
import { tries } from '../../../support/property.ts'

/** Chances of three levels that tell matches from others: the first among matches, the last among others. */
const field = fc
  .record({
    exact: fc.double({ min: 0.75, max: 0.97, noNaN: true }),
    close: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
    agree: fc.double({ min: 0.001, max: 0.15, noNaN: true }),
    near: fc.double({ min: 0.01, max: 0.3, noNaN: true }),
  })
  .map(({ exact, close, agree, near }) => ({
    m: { exact, close: (1 - exact) * close, different: (1 - exact) * (1 - close) },
    u: { exact: agree, close: (1 - agree) * near, different: (1 - agree) * (1 - near) },
  }))

const mixtures = fc.record({
  share: fc.double({ min: 0.05, max: 0.9, noNaN: true }),
  fields: fc.array(field, { minLength: 3, maxLength: 4 }),
})

const pairs = 1_000_000
const levels = ['exact', 'close', 'different'] as const

/** The patterns of so many pairs, each as often as it is to be expected. */
function patternsOf(fields: readonly { m: LevelShares; u: LevelShares }[], share: number): LevelPattern[] {
  let patterns: { levels: string[]; match: number; other: number }[] = [
    { levels: [], match: share, other: 1 - share },
  ]
  for (const { m, u } of fields) {
    patterns = patterns.flatMap((pattern) =>
      levels.map((level) => ({
        levels: [...pattern.levels, level],
        match: pattern.match * (m[level] ?? 0),
        other: pattern.other * (u[level] ?? 0),
      })),
    )
  }
  return patterns.map(({ levels, match, other }) => ({ levels, count: (match + other) * pairs }))
}

const start: LevelShares = { exact: 0.9, close: 0.05, different: 0.05 }

describe('the mixture of matches and others', () => {
  it('is found again from the patterns that it makes: the share of matches, and m of every level', () => {
    fc.assert(
      fc.property(mixtures, ({ share, fields }) => {
        const { share: found, expected } = fitMixture(patternsOf(fields, share), {
          m: fields.map(() => start),
          u: fields.map(({ u }) => u),
        })
        expect(Math.abs(found - share)).toBeLessThan(0.02)
        for (const [place, { m }] of fields.entries()) {
          const counts = expected[place] ?? {}
          const total = Object.values(counts).reduce((sum, one) => sum + one, 0)
          for (const level of levels) {
            expect(Math.abs((counts[level] ?? 0) / total - m[level])).toBeLessThan(0.03)
          }
        }
      }),
      tries(100),
    )
  })

  it('is not disturbed by missing values, and says nothing of fields that are never there', () => {
    const fields = [0.9, 0.8, 0.85].map((exact) => ({
      m: { exact, close: 0.05, different: 0.95 - exact },
      u: { exact: 0.05, close: 0.1, different: 0.85 },
    }))
    const patterns = patternsOf(fields, 0.3).flatMap(({ levels, count }): LevelPattern[] => [
      { levels: [...levels, null], count: count / 2 },
      { levels: [null, ...levels.slice(1), null], count: count / 2 },
    ])
    const { share, expected } = fitMixture(patterns, {
      m: [...fields.map(() => start), start],
      u: [...fields.map(({ u }) => u), start],
    })
    expect(share).toBeCloseTo(0.3, 2)
    const [first, , , never] = expected
    expect((first?.['exact'] ?? 0) / (0.15 * pairs)).toBeCloseTo(0.9, 1)
    expect(never).toEqual({})
  })

  it('finds no match where there is none', () => {
    const fields = Array.from({ length: 3 }, () => ({
      m: start,
      u: { exact: 0.05, close: 0.1, different: 0.85 },
    }))
    const { share } = fitMixture(patternsOf(fields, 0), {
      m: fields.map(() => start),
      u: fields.map(({ u }) => u),
    })
    expect(share).toBeLessThan(0.001)
  })
})
