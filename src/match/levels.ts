import type { FieldKind } from './normalize.ts'

/** How alike two values of a field are, from equal to different. A missing value is no level: it weighs 0. */
export type Level =
  | 'exact'
  | 'synonym'
  | 'nickname'
  | 'initial'
  | 'close'
  | 'part'
  | 'sound'
  | 'similar'
  | 'transposed'
  | 'year'
  | 'different'

/**
 * What a level weighs: `m` is its chance among pairs that are the same person, `u` among pairs that are not,
 * and the weight is log2(m/u) bits (Fellegi & Sunter 1969). `uTimesShare` puts in place of `u` that many times
 * the value's share in the population: of the value agreed on, or else of the rarer of both values, since a typo
 * seldom makes another real name. `weight` states the bits outright.
 */
export type LevelSetting =
  | { readonly weight: number }
  | { readonly m: number; readonly u: number }
  | { readonly m: number; readonly uTimesShare: number }

/** Level → setting, best level first: the first that holds is the pair's level. */
export type LevelSettings = Readonly<Partial<Record<Level, LevelSetting>>>

/** Of names that differ in how they are written or heard. */
const misspelt = {
  close: { m: 0.03, uTimesShare: 30 },
  sound: { m: 0.005, uTimesShare: 50 },
  similar: { m: 0.005, uTimesShare: 200 },
} as const

/** The levels of each kind of field in the order they are tried, with the shipped weights. */
export const defaultLevels = {
  'given-name': {
    exact: { m: 0.9, uTimesShare: 1 },
    nickname: { m: 0.04, uTimesShare: 4 },
    initial: { m: 0.005, u: 0.0005 },
    part: { m: 0.01, uTimesShare: 0.1 },
    ...misspelt,
    different: { m: 0.02, u: 0.98 },
  },
  surname: {
    exact: { m: 0.9, uTimesShare: 1 },
    part: { m: 0.02, uTimesShare: 0.05 },
    ...misspelt,
    different: { m: 0.03, u: 0.99 },
  },
  place: {
    exact: { m: 0.94, u: 0.01 },
    close: { m: 0.01, u: 0.0005 },
    different: { m: 0.05, u: 0.99 },
  },
  category: {
    exact: { m: 0.95, u: 0.125 },
    synonym: { m: 0.03, u: 0.005 },
    close: { m: 0.01, u: 0.005 },
    different: { m: 0.002, u: 0.87 },
  },
  date: {
    exact: { m: 0.95, u: 0.0001 },
    transposed: { m: 0.01, u: 0.0001 },
    close: { m: 0.02, u: 0.002 },
    year: { m: 0.01, u: 0.02 },
    different: { m: 0.01, u: 0.98 },
  },
  text: {
    exact: { m: 0.9, u: 0.01 },
    close: { m: 0.05, u: 0.005 },
    similar: { m: 0.02, u: 0.01 },
    different: { m: 0.03, u: 0.98 },
  },
} as const satisfies Readonly<Record<FieldKind, LevelSettings>>

/** Given name and surname exchanged: a level of the pair of fields, its `u` a multiple of both shares. */
export const defaultSwapped = { m: 0.005, uTimesShare: 1 } as const

/** Jaro-Winkler similarity from which two values are `similar`. */
export const defaultSimilarity = 0.9
