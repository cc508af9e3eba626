import { sharedPart } from './compare.ts'
import type { Level, LevelSetting, LevelSettings } from './levels.ts'
import type { PreparedValue } from './prepare.ts'

/** Weights are integers in milli-bits, so that a score does not depend on the order of a sum. */
export function milliBits(bits: number): number {
  return Math.round(bits * 1000)
}

/** The chance that a pair with this score (milli-bits, prior included) is the same person: 2^w / (1 + 2^w). */
export function probability(score: number): number {
  return 1 / (1 + 2 ** (-score / 1000))
}

/** `fixed` applies as it is; otherwise the rarity of the values is added to `offset`. Milli-bits. */
export interface LevelWeight {
  readonly fixed: boolean
  readonly offset: number
  /** The weight at average frequency; what is left of a weight is its term-frequency part. */
  readonly average: number
}

/** The part of a weight that is due to the frequency of the values is `weight - average`. */
export type FieldWeights = Readonly<Partial<Record<Level, LevelWeight>>>

/** `chanceAgreement`: of the field's frequency table (0 to 1), or null when it has none. */
export function compileLevels(settings: LevelSettings, chanceAgreement: number | null): FieldWeights {
  const weights: Partial<Record<Level, LevelWeight>> = {}
  for (const [level, setting] of Object.entries(settings)) {
    weights[level as Level] = compileLevel(setting, chanceAgreement)
  }
  return weights
}

export function compileLevel(setting: LevelSetting, chanceAgreement: number | null): LevelWeight {
  if ('weight' in setting) return fixedWeight(setting.weight)
  if ('u' in setting) return fixedWeight(Math.log2(setting.m / setting.u))
  const bits = Math.log2(setting.m / setting.uTimesShare)
  return {
    fixed: false,
    offset: milliBits(bits),
    average: milliBits(bits - Math.log2(chanceAgreement ?? 1)),
  }
}

function fixedWeight(bits: number): LevelWeight {
  return { fixed: true, offset: milliBits(bits), average: milliBits(bits) }
}

/** What weighing a level of one field needs, looked up once. */
export interface Weigher {
  readonly weights: FieldWeights
  readonly exact: LevelWeight
  readonly different: LevelWeight
}

export function weigherOf(weights: FieldWeights): Weigher {
  const nothing = fixedWeight(0)
  return { weights, exact: weights.exact ?? nothing, different: weights.different ?? nothing }
}

/**
 * The weight of a level of two present values, milli-bits. Where term frequencies apply (Winkler 1989), agreement
 * counts the rarity of the value agreed on; likeness counts the rarity of the rarer value (a known common name
 * that is nearly another known common name is hardly a typo), never more than the commoner value would bring by
 * agreeing, never less than a difference.
 */
export function weigh(
  { weights, exact, different }: Weigher,
  level: Level,
  a: PreparedValue,
  b: PreparedValue,
): number {
  const weight = level === 'exact' ? exact : level === 'different' ? different : weights[level]
  if (weight === undefined) return different.offset
  if (weight.fixed) return weight.offset
  if (level === 'exact') return weight.offset + a.rarity
  const rarer = level === 'part' ? (sharedPart(a, b)?.rarity ?? 0) : Math.max(a.rarity, b.rarity)
  const most = level === 'part' ? rarer + exact.offset : Math.min(a.rarity, b.rarity) + exact.offset
  return Math.max(different.offset, Math.min(most, weight.offset + rarer))
}
