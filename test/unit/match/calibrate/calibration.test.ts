import { describe, expect, it } from 'vitest'
import { bucketed, calibrated, calibrationDocument } from '../../../../src/match/calibrate/calibration.ts'
import { learntLevels } from '../../../../src/match/calibrate/learnt-levels.ts'
import { trainingRules } from '../../../../src/match/calibrate/training-rules.ts'
import { modelDefinition, peopleModel } from '../../../../src/match/definition.ts'
import { compileModel } from '../../../../src/match/model.ts'

const fields = ['first_name', 'last_name', 'location', 'specialty']
const nothing = { levels: {}, frequencies: {} }

describe('a calibration', () => {
  it('without anything learnt leaves the model as it is', () => {
    const { definition, tables } = calibrated(peopleModel, nothing)
    expect(compileModel(definition, fields, tables).fingerprint).toBe(
      compileModel(peopleModel, fields).fingerprint,
    )
  })

  it('takes the place of configured chances and shipped frequencies, but not of a weight given outright', () => {
    const configured = modelDefinition.parse({
      compare: { last_name: { kind: 'surname', levels: { close: { weight: 3 } } }, location: 'place' },
      block: [['last_name']],
    })
    const frequencies = { last_name: bucketed([['smith', 2]], { total: 4, distinct: 3 }) }
    const levels = {
      last_name: { exact: { m: 0.5, uTimesShare: 1 }, close: { m: 0.1, uTimesShare: 1 } },
      location: { exact: { m: 0.5, u: 0.25 } },
    }
    const { definition, tables } = calibrated(configured, { levels, frequencies })
    const model = compileModel(definition, ['last_name', 'location'], tables)
    const weights = (left: string, right: string): number[] =>
      model
        .explain(model.prepare([left, 'york']), model.prepare([right, 'york']))
        .slice(1)
        .map(({ weight }) => weight)
    expect(weights('smith', 'smith')).toEqual([0, 1000])
    expect(weights('jones', 'jones')).toEqual([1000, 1000])
    expect(weights('smith', 'smyth')).toEqual([3000, 1000])
  })

  it('is a version of its own: other frequencies are another fingerprint', () => {
    const of = (count: number): string => {
      const frequencies = { last_name: bucketed([['smith', count]], { total: 1_000, distinct: 500 }) }
      const { definition, tables } = calibrated(peopleModel, { levels: {}, frequencies })
      return compileModel(definition, fields, tables).fingerprint
    }
    expect(of(10)).not.toBe(of(200))
    expect(of(200)).toBe(of(210))
  })

  it('is refused when it is of another form', () => {
    expect(
      calibrationDocument.safeParse({ levels: { a: { exact: { m: 2, u: 1 } } }, frequencies: {} }).success,
    ).toBe(false)
    expect(calibrationDocument.safeParse({ ...nothing, more: 1 }).success).toBe(false)
  })
})

describe('learnt levels', () => {
  const settings = { exact: { m: 0.9, u: 0.1 }, close: { m: 0.06, u: 0.01 }, different: { m: 0.04, u: 0.89 } }
  const ratio = (level: { m: number } | undefined): number =>
    level && 'u' in level ? level.m / (level.u as number) : expect.fail()

  it('are what was seen', () => {
    const learnt = learntLevels(settings, {
      expected: { exact: 8_000, close: 1_500, different: 500 },
      counts: { exact: 200_000, close: 50_000, different: 750_000 },
      inverseShares: {},
    })
    const rounded = (level: string): number[] =>
      Object.values(learnt[level] ?? {}).map((chance) => Number(chance.toFixed(2)))
    expect(rounded('exact')).toEqual([0.8, 0.2])
    expect(rounded('close')).toEqual([0.15, 0.05])
    expect(rounded('different')).toEqual([0.05, 0.75])
  })

  it('keep the weight of a level that was seen nowhere', () => {
    const learnt = learntLevels(settings, {
      expected: { exact: 700, different: 300 },
      counts: { exact: 100_000, different: 900_000 },
      inverseShares: {},
    })
    expect(ratio(learnt['close'])).toBeCloseTo(6, 1)
  })

  it('of a field that no rule could teach keep m', () => {
    const learnt = learntLevels(settings, {
      expected: {},
      counts: { exact: 10, different: 90 },
      inverseShares: {},
    })
    expect(learnt['exact']).toMatchObject({ m: 0.9 })
  })
})

describe('training rules', () => {
  const passes = peopleModel.block.map(({ key, unordered }) => ({ key, unordered }))
  const u = [0.01, 0.001, 0.02, 0.1].map((exact) => ({ exact }))

  it('leave out at least two fields each, and every field at least once', () => {
    const rules = trainingRules(passes, fields, u)
    for (const { key, taught } of rules) {
      expect(taught.length).toBeGreaterThanOrEqual(2)
      for (const place of taught) expect(key.map((part) => part.split('.')[0])).not.toContain(fields[place])
    }
    expect(new Set(rules.flatMap(({ taught }) => taught))).toEqual(new Set([0, 1, 2, 3]))
  })

  it('are none for two fields, of which neither can be told from the share of matches', () => {
    expect(trainingRules([{ key: ['last_name'], unordered: false }], ['last_name', 'location'], u)).toEqual(
      [],
    )
  })
})
