import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { greedy } from '../../../src/match/assign.ts'
import { CurveCounter, PairEvaluation, PatternCounter } from '../../../src/match/evaluation.ts'
import { comparePairs } from '../../../src/match/order.ts'

/** Few scores and few records, so that ties and rivals abound. */
const pairs = fc.uniqueArray(
  fc.record({
    left: fc.nat(7),
    right: fc.nat(7),
    score: fc.integer({ min: -3, max: 6 }).map((score) => score * 250),
    isTrue: fc.boolean(),
    isDecidable: fc.boolean(),
  }),
  { selector: ({ left, right }) => `${left}/${right}`, maxLength: 40 },
)

describe('the accuracy of a match', () => {
  it('at every threshold is that of the greedy match at this threshold', () => {
    fc.assert(
      fc.property(pairs, fc.integer({ min: -750, max: 1500 }), (all, threshold) => {
        const sorted = all.toSorted((a, b) => comparePairs(asPair(a), asPair(b)))
        const options = { expected: 5, floor: -750, threshold, precision: 0.75 }
        const evaluation = new PairEvaluation({ decidable: options, all: options })
        for (const pair of sorted) evaluation.take({ ...pair, isKnown: true })
        const { decidable, all: everybody } = evaluation.finish()
        expect(everybody.points.map((point) => point.threshold)).toContain(threshold)
        for (const point of everybody.points) {
          const matched = greedy(sorted.map(asPair), point.threshold)
          expect(point.found).toBe(matched.length)
          expect(point.correct).toBe(matched.filter(({ isTrue }) => isTrue).length)
        }
        const counted = greedy(sorted.map(asPair), threshold).filter(({ isDecidable }) => isDecidable)
        expect(decidable.atThreshold).toMatchObject({
          threshold,
          found: counted.length,
          correct: counted.filter(({ isTrue }) => isTrue).length,
        })
        expectBest(everybody, sorted.map(asPair))
      }),
      { numRuns: 500 },
    )
  })

  it('has no precision without matches, no recall without anything to find, and F1 as their harmonic mean', () => {
    const settings = { floor: 0, threshold: 0, precision: 0.5 }
    expect(new CurveCounter({ ...settings, expected: 0 }).finish()).toMatchObject({
      atThreshold: { found: 0, precision: null, recall: null, f1: null },
      best: null,
      atPrecision: null,
    })
    const counter = new CurveCounter({ ...settings, expected: 4 })
    counter.count(3000, true)
    counter.count(2000, true)
    counter.count(2000, false)
    counter.count(-1, true)
    const { atThreshold, points } = counter.finish()
    expect(atThreshold).toMatchObject({ found: 3, correct: 2, precision: 2 / 3, recall: 1 / 2 })
    expect(atThreshold.f1).toBeCloseTo((2 * (2 / 3) * (1 / 2)) / (2 / 3 + 1 / 2))
    expect(points.find(({ threshold }) => threshold === 3000)).toMatchObject({ found: 1, correct: 1 })
  })

  it('is told by how the fields compare', () => {
    const counter = new PatternCounter()
    const moved = { name: 'exact', town: 'different' }
    counter.count({ name: 'exact', town: 'exact' }, 'matched')
    for (const outcome of ['matched', 'noKey', 'belowThreshold', 'rival', 'wrong', 'wrong'] as const) {
      counter.count(moved, outcome)
    }
    expect(counter.finish()).toEqual([
      { levels: moved, pairs: 4, matched: 1, noKey: 1, belowThreshold: 1, rival: 1, wrong: 2 },
      {
        levels: { name: 'exact', town: 'exact' },
        pairs: 1,
        matched: 1,
        noKey: 0,
        belowThreshold: 0,
        rival: 0,
        wrong: 0,
      },
    ])
  })
})

type Made = typeof pairs extends fc.Arbitrary<(infer T)[]> ? T : never
type Pair = Omit<Made, 'left' | 'right'> & { readonly left: string; readonly right: string }

function asPair(pair: Made): Pair {
  return { ...pair, left: String(pair.left), right: String(pair.right) }
}

/** By trying every score as threshold. */
function expectBest({ best, atPrecision }: ReturnType<CurveCounter['finish']>, all: readonly Pair[]): void {
  const tried = [...new Set(greedy(all).map(({ score }) => score))].map((score) => {
    const matched = greedy(all, score)
    const correct = matched.filter(({ isTrue }) => isTrue).length
    return { score, f1: (2 * correct) / (matched.length + 5), precision: correct / matched.length }
  })
  expect(best?.f1 ?? -1).toBe(tried.reduce((most, { f1 }) => Math.max(most, f1), -1))
  const precise = tried.filter(({ precision }) => precision >= 0.75)
  expect(atPrecision?.threshold).toBe(
    precise.length === 0 ? undefined : Math.min(...precise.map((t) => t.score)),
  )
}
