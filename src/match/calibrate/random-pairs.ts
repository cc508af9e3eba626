import { sharedPart } from '../compare.ts'
import type { Model, Prepared } from '../model.ts'
import { addCounts, type LevelCounts } from './em.ts'

export interface RandomPairs {
  /** Level → how many pairs of different people have it, for each compared field. */
  readonly counts: readonly LevelCounts[]
  /** Level → the sum of 1 / share of the rarer value over those pairs. */
  readonly inverseShares: readonly LevelCounts[]
  readonly pairs: number
}

/** The compared fields of a model in the order of `explain`. */
export function comparedFields(model: Model): string[] {
  return model.compared.map((place) => model.fields[place] ?? '')
}

/** The levels of a pair in the order of the compared fields; null for a missing value, and for exchanged names. */
export function levelsOf(
  model: Model,
  left: Prepared,
  right: Prepared,
): { levels: (string | null)[]; score: number } {
  const parts = model.explain(left, right)
  const levels = parts
    .filter(({ field }) => field !== null)
    .map(({ level }) => (level === 'missing' || level === 'swapped' ? null : level))
  return { levels, score: parts.reduce((sum, { weight }) => sum + weight, 0) }
}

/**
 * Counts levels in random pairs: each left record of the sample with `perRecord` right ones. Nearly all are different
 * people; those that the model takes for matches are left out.
 */
export function countRandomPairs(
  model: Model,
  { left, right }: { readonly left: readonly Prepared[]; readonly right: readonly Prepared[] },
  perRecord: number,
): RandomPairs {
  const fields = model.compared
  const counts = fields.map((): Record<string, number> => ({}))
  const inverseShares = fields.map((): Record<string, number> => ({}))
  let pairs = 0
  for (const [place, ours] of left.entries()) {
    for (let shift = 0; shift < Math.min(perRecord, right.length); shift++) {
      const theirs = right[(place + shift) % right.length]
      if (!theirs) continue
      const { levels, score } = levelsOf(model, ours, theirs)
      if (score >= model.threshold) continue
      pairs++
      addCounts(counts, levels, 1)
      levels.forEach((level, field) => {
        const ofField = inverseShares[field]
        const at = fields[field]
        if (level === null || at === undefined || !ofField) return
        ofField[level] = (ofField[level] ?? 0) + 2 ** (rarerMilliBits(level, ours, theirs, at) / 1000)
      })
    }
  }
  return { counts, inverseShares, pairs }
}

/** The rarity by which the level is weighed, see `weigh`. */
function rarerMilliBits(level: string, left: Prepared, right: Prepared, place: number): number {
  const [a, b] = [left.values[place], right.values[place]]
  if (!a || !b) return 0
  return level === 'part' ? (sharedPart(a, b)?.rarity ?? 0) : Math.max(a.rarity, b.rarity)
}
