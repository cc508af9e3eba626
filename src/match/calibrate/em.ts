/** Pairs with the same levels; `levels` in the order of the fields, null where a value is missing. */
export interface LevelPattern {
  readonly levels: readonly (string | null)[]
  readonly count: number
}

/** Level of a field → its chance. */
export type LevelShares = Readonly<Record<string, number>>
/** Level of a field → pairs that have it. */
export type LevelCounts = Readonly<Record<string, number>>

export interface Mixture {
  /** The share of the pairs that are the same person. */
  readonly share: number
  /** How many pairs are expected to be the same person and to have the level, for each field. */
  readonly expected: readonly LevelCounts[]
}

const mostRounds = 1_000
const settled = 1e-7
/** Pairs of true matches that the starting values of m count for, so that a level never seen is not impossible. */
export const priorPairs = 5

/**
 * Estimates m, and how many of the pairs are matches, from the levels of pairs alone: the mixture model of Fellegi &
 * Sunter (1969), fitted by expectation maximisation as in Winkler (1988), levels independent of each other given that a
 * pair is a match or that it is none. u stands fixed, for it is known better from random pairs. The pairs must come from
 * one blocking rule, and `patterns` must leave out the fields of that rule: they agree in all of its pairs, so that over
 * the union of several rules the mixture finds the rules instead of the matches, and everything matches.
 */
export function fitMixture(
  patterns: readonly LevelPattern[],
  { m: start, u }: { readonly m: readonly LevelShares[]; readonly u: readonly LevelShares[] },
): Mixture {
  const total = patterns.reduce((sum, { count }) => sum + count, 0)
  let share = 0.1
  let m = start
  let expected: Record<string, number>[] = start.map(() => ({}))
  for (let round = 0; round < mostRounds && total > 0; round++) {
    expected = start.map(() => ({}))
    let matches = 0
    for (const { levels, count } of patterns) {
      const ofMatch = share * likelihood(levels, m)
      const chance = ofMatch / (ofMatch + (1 - share) * likelihood(levels, u))
      matches += chance * count
      addCounts(expected, levels, chance * count)
    }
    const moved = Math.abs(matches / total - share)
    share = Math.min(1 - 1e-9, Math.max(1e-9, matches / total))
    m = expected.map((counts, field) => sharesOf(counts, start[field] ?? {}))
    if (moved < settled * share) break
  }
  return { share, expected }
}

/** Counts → chances, the prior chances counting for `priorPairs`. */
export function sharesOf(
  counts: LevelCounts,
  prior: LevelShares,
  weight = priorPairs,
): Record<string, number> {
  const levels = [...new Set([...Object.keys(prior), ...Object.keys(counts)])]
  const priorTotal = sum(Object.values(prior)) || 1
  const total = sum(Object.values(counts)) + weight
  return Object.fromEntries(
    levels.map((level) => [
      level,
      ((counts[level] ?? 0) + (weight * (prior[level] ?? 0)) / priorTotal) / total,
    ]),
  )
}

export function addCounts(
  counts: Record<string, number>[],
  levels: readonly (string | null)[],
  count: number,
): void {
  levels.forEach((level, field) => {
    const ofField = counts[field]
    if (level !== null && ofField) ofField[level] = (ofField[level] ?? 0) + count
  })
}

const leastChance = 1e-12

function likelihood(levels: readonly (string | null)[], shares: readonly LevelShares[]): number {
  let product = 1
  for (const [field, level] of levels.entries()) {
    if (level !== null) product *= Math.max(leastChance, shares[field]?.[level] ?? 0)
  }
  return product
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
