import type { LevelSetting, LevelSettings } from '../levels.ts'
import type { CalibratedLevel } from './calibration.ts'
import { priorPairs, sharesOf, type LevelCounts, type LevelShares } from './em.ts'

/** What a level without a setting of its own begins with; the data soon says better. */
const unknownChance = 0.01

/** m of a field as it is configured: where EM begins, and what it falls back on. */
export function startingM(settings: LevelSettings): LevelShares {
  return mapLevels(settings, (setting) => ('m' in setting ? setting.m : unknownChance))
}

/**
 * u of a field from random pairs. `priorShare`: how many pairs the configured u counts for, as a share of those counted.
 */
export function learntU(settings: LevelSettings, counts: LevelCounts, priorShare: number): LevelShares {
  const prior = mapLevels(settings, (setting) => ('u' in setting ? setting.u : unknownChance))
  return sharesOf(counts, prior, priorShare * totalOf(counts))
}

export interface Learnt {
  /** Level → matches that are expected to have it, from EM; empty if no rule could tell. */
  readonly expected: LevelCounts
  /** From random pairs, see `RandomPairs`. */
  readonly counts: LevelCounts
  readonly inverseShares: LevelCounts
}

/** Of a field whose m stays as configured. */
const usualPriorShare = 0.01

/**
 * The settings of a field with what was learnt; levels whose weight is given outright are left out. What is configured
 * counts for the same share of the matches as of the random pairs, so that a level seen among neither keeps its weight.
 */
export function learntLevels(settings: LevelSettings, learnt: Learnt): Record<string, CalibratedLevel> {
  const { expected, counts } = learnt
  const matches = totalOf(expected)
  const priorShare = matches === 0 ? usualPriorShare : priorPairs / matches
  const start = startingM(settings)
  const m = matches === 0 ? start : sharesOf(expected, start)
  const u = learntU(settings, counts, priorShare)
  const levels: Record<string, CalibratedLevel> = {}
  for (const [level, setting] of Object.entries(settings)) {
    if ('weight' in setting) continue
    const ofLevel = { m: m[level] ?? setting.m }
    levels[level] =
      'u' in setting
        ? { ...ofLevel, u: u[level] ?? setting.u }
        : { ...ofLevel, uTimesShare: timesShare(level, setting.uTimesShare, { ...learnt, priorShare }) }
  }
  return levels
}

/**
 * Where a level weighs by the rarity of a value, its likelihood ratio is m / (k × share of the rarer value). A likelihood
 * ratio averages 1 over pairs of different people, so k is the average over them of 1 / share, pairs at other levels
 * counting 0.
 */
function timesShare(
  level: string,
  configured: number,
  { counts, inverseShares, priorShare }: Learnt & { readonly priorShare: number },
): number {
  const pairs = totalOf(counts)
  if (pairs === 0) return configured
  return ((inverseShares[level] ?? 0) / pairs + priorShare * configured) / (1 + priorShare)
}

const totalOf = (counts: LevelCounts): number => Object.values(counts).reduce((sum, one) => sum + one, 0)

function mapLevels(settings: LevelSettings, of: (setting: LevelSetting) => number): LevelShares {
  return Object.fromEntries(Object.entries(settings).map(([level, one]) => [level, of(one)]))
}
