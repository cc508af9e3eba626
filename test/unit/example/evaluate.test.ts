import { describe, expect, it } from 'vitest'
import { blockingRecall, evaluate, type MatchedPair } from '../../../examples/vendor-match/evaluate.ts'
import { generate } from '../../../examples/vendor-match/generate.ts'
import type { Truth } from '../../../examples/vendor-match/records.ts'

/**
 * Internal 1 … 5: 2 is a duplicate of 1; 5 has no account at the vendor. Vendor 11 and 12 are person 1, 13 is 3,
 * 14 is 4, 15 nobody internal, 16 nobody internal but equal to 5.
 */
const truth: Truth = {
  internal: [
    { internalId: 1, originalId: 1, decidable: false },
    { internalId: 2, originalId: 1, decidable: false },
    { internalId: 3, originalId: 3, decidable: true },
    { internalId: 4, originalId: 4, decidable: true },
    { internalId: 5, originalId: 5, decidable: false },
  ],
  vendor: [
    { vendorId: 11, internalId: 1, decidable: false, noise: [] },
    { vendorId: 12, internalId: 1, decidable: false, noise: ['nickname'] },
    { vendorId: 13, internalId: 3, decidable: true, noise: ['moved', 'nickname'] },
    { vendorId: 14, internalId: 4, decidable: true, noise: [] },
    { vendorId: 15, internalId: null, decidable: true, noise: [] },
    { vendorId: 16, internalId: null, decidable: false, noise: [] },
  ],
}

const pairs = (...ids: [internalId: number, vendorId: number][]): MatchedPair[] =>
  ids.map(([internalId, vendorId]) => ({ internalId, vendorId }))

describe('evaluate', () => {
  it('gives full marks to a match of every person, whichever of their records were taken', () => {
    const { all, decidable } = evaluate({ matches: pairs([1, 12], [2, 11], [3, 13], [4, 14]), truth })
    expect(all).toEqual({ expected: 4, found: 4, correct: 4, precision: 1, recall: 1, f1: 1 })
    expect(decidable).toEqual({ expected: 2, found: 2, correct: 2, precision: 1, recall: 1, f1: 1 })
  })

  it('counts a wrong match against precision and what it kept from being found against recall', () => {
    const { all, decidable } = evaluate({ matches: pairs([3, 14], [1, 11]), truth })
    expect(all).toMatchObject({ expected: 4, found: 2, correct: 1, precision: 0.5, recall: 0.25 })
    expect(all.f1).toBeCloseTo(1 / 3)
    expect(decidable).toEqual({ expected: 2, found: 1, correct: 0, precision: 0, recall: 0, f1: 0 })
  })

  it('counts a match of a user without counterpart as wrong, as decidable if either record is', () => {
    const evaluation = evaluate({ matches: pairs([5, 15], [5, 16], [4, 16]), truth })
    expect(evaluation.all).toMatchObject({ found: 3, correct: 0 })
    expect(evaluation.decidable).toMatchObject({ found: 2, correct: 0 })
  })

  it('counts ids that do not exist as wrong', () => {
    expect(evaluate({ matches: pairs([99, 13], [3, 99], [98, 99]), truth }).all).toMatchObject({
      found: 3,
      correct: 0,
    })
  })

  it('does not divide by nothing', () => {
    expect(evaluate({ matches: [], truth }).all).toMatchObject({ precision: null, recall: 0, f1: null })
    expect(evaluate({ matches: [], truth: { internal: [], vendor: [] } }).all).toMatchObject({
      recall: null,
      f1: null,
    })
  })

  it('tells recall by noise', () => {
    const { byNoise } = evaluate({ matches: pairs([1, 12], [4, 14]), truth })
    expect(byNoise.nickname).toEqual({ expected: 2, correct: 1 })
    expect(byNoise.moved).toEqual({ expected: 1, correct: 0 })
    expect(byNoise.none).toEqual({ expected: 2, correct: 1 })
  })

  it('gives full marks to the truth of generated data, clean and dirty', () => {
    for (const dirty of [false, true]) {
      const data = generate({ internal: 5_000, vendor: 2_000, dirty })
      const seen = new Set<number>()
      const matches = [...data.truth.vendor].flatMap(({ vendorId, internalId }) => {
        if (internalId === null || seen.has(internalId)) return []
        seen.add(internalId)
        return [{ internalId, vendorId }]
      })
      const { decidable, all } = evaluate({ matches, truth: data.truth })
      expect(decidable).toMatchObject({ precision: 1, recall: 1, f1: 1 })
      expect(all.precision).toBe(1)
      expect(all.recall).toBeGreaterThan(0.995)
    }
  })
})

describe('blocking recall', () => {
  it('is the share of true pairs among the candidates', () => {
    const candidates = pairs([1, 11], [3, 13], [3, 14], [5, 16])
    expect(blockingRecall({ candidates, truth })).toEqual({ decidable: 0.5, all: 0.5 })
    expect(blockingRecall({ candidates: [], truth: { internal: [], vendor: [] } })).toEqual({
      decidable: null,
      all: null,
    })
  })
})
