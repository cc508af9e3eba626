import type { LevelShares } from './em.ts'

/** A blocking rule whose pairs teach the m of the fields that it does not use. */
export interface TrainingRule {
  /** Parts, as a pass of a configuration has them. */
  readonly key: readonly string[]
  readonly unordered: boolean
  /** Places of the fields that it leaves out, in the order of the compared fields. */
  readonly taught: readonly number[]
}

/** With one field left, the share of matches and m cannot be told apart. */
const leastTaught = 2

/**
 * The blocking passes of the model that leave out enough fields, and for each field that all of them use one more rule:
 * exact agreement on those two other fields that agree by chance least often (one, where there are only three fields).
 * A field that no rule can leave out is taught by none.
 */
export function trainingRules(
  passes: readonly { readonly key: readonly string[]; readonly unordered: boolean }[],
  fields: readonly string[],
  u: readonly LevelShares[],
): TrainingRule[] {
  const rule = (key: readonly string[], unordered = false): TrainingRule => {
    const used = new Set(key.map((part) => part.split('.')[0]))
    const taught = [...fields.keys()].filter((place) => !used.has(fields[place]))
    return { key, unordered, taught }
  }
  const rules = passes
    .map(({ key, unordered }) => rule(key, unordered))
    .filter(({ taught }) => taught.length >= leastTaught)
  const width = Math.min(2, fields.length - leastTaught)
  for (const place of fields.keys()) {
    if (width < 1 || rules.some(({ taught }) => taught.includes(place))) continue
    const byChance = [...fields.keys()]
      .filter((other) => other !== place)
      .toSorted((a, b) => (u[a]?.['exact'] ?? 1) - (u[b]?.['exact'] ?? 1))
    rules.push(rule(byChance.slice(0, width).map((other) => fields[other] ?? '')))
  }
  return rules
}
