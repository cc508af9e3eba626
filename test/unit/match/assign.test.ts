import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { greedy, GreedyAssignment } from '../../../src/match/assign.ts'
import { comparePairs, type ScoredPair } from '../../../src/match/order.ts'

/** Few scores and few ids, so that ties and rivals abound. */
const pairs: fc.Arbitrary<ScoredPair[]> = fc.uniqueArray(
  fc.record({
    left: fc.nat(9).map(String),
    right: fc.nat(9).map(String),
    score: fc.integer({ min: -2, max: 3 }),
  }),
  { selector: ({ left, right }) => `${left}/${right}`, maxLength: 60 },
)

/** By the definition: the best pair is in, its rivals are out, repeat. */
function bruteForce(all: readonly ScoredPair[]): ScoredPair[] {
  const best = all.reduce<ScoredPair | null>((a, b) => (a !== null && comparePairs(a, b) < 0 ? a : b), null)
  if (best === null) return []
  return [best, ...bruteForce(all.filter(({ left, right }) => left !== best.left && right !== best.right))]
}

function streamed(all: readonly ScoredPair[]): ScoredPair[] {
  const assignment = new GreedyAssignment()
  return [...all]
    .sort(comparePairs)
    .filter(({ left, right }) => assignment.accept(Number(left), Number(right)))
}

describe('greedy assignment', () => {
  it('equals brute force, in memory and streamed', () => {
    fc.assert(
      fc.property(pairs, (all) => {
        const expected = bruteForce(all)
        expect(greedy(all)).toEqual(expected)
        expect(streamed(all)).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('leaves no blocking pair, and no record in two matches', () => {
    fc.assert(
      fc.property(pairs, (all) => {
        const matched = greedy(all)
        expect(new Set(matched.map(({ left }) => left)).size).toBe(matched.length)
        expect(new Set(matched.map(({ right }) => right)).size).toBe(matched.length)
        for (const pair of all) {
          const holders = matched.filter(({ left, right }) => left === pair.left || right === pair.right)
          expect(holders.some((held) => comparePairs(held, pair) <= 0)).toBe(true)
        }
      }),
    )
  })

  it('does not depend on the order in which pairs are given', () => {
    fc.assert(
      fc.property(
        pairs.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          expect(greedy(shuffled)).toEqual(greedy(all))
        },
      ),
    )
  })

  it('at a threshold is the beginning of the assignment at any lower one', () => {
    fc.assert(
      fc.property(pairs, fc.integer({ min: -2, max: 4 }), fc.nat(6), (all, threshold, lower) => {
        const wide = greedy(all, threshold - lower)
        expect(greedy(all, threshold)).toEqual(wide.filter(({ score }) => score >= threshold))
      }),
    )
  })

  it('streams any record numbers', () => {
    const assignment = new GreedyAssignment()
    expect(assignment.accept(5_000_000, 0)).toBe(true)
    expect(assignment.accept(4_999_999, 31)).toBe(true)
    expect(assignment.accept(5_000_000, 32)).toBe(false)
    expect(assignment.accept(0, 31)).toBe(false)
    expect(assignment.accept(0, 32)).toBe(true)
  })
})
