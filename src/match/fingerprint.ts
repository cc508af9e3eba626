import { createHash } from 'node:crypto'
import type { ModelPlan } from './compile.ts'
import type { ModelDefinition } from './definition.ts'
import { specialtySynonyms } from './synonyms.ts'

/** To be raised when code or shipped data, not configuration, changes a key or a score. */
const algorithmVersion = 3

/** SHA-256 in hex of everything that can change a score or a key. */
export function fingerprintOf(
  definition: ModelDefinition,
  fieldNames: readonly string[],
  plan: ModelPlan,
): string {
  const everything = {
    algorithmVersion,
    fieldNames,
    block: definition.block,
    prior: definition.prior,
    swap: plan.swap && [plan.swap.first.name, plan.swap.second.name, plan.swap.m, plan.swap.uTimesShare],
    fields: plan.fields.map(({ name, comparison, levels, table }) => ({
      name,
      kind: comparison.kind,
      levels,
      similarity: 'similarity' in comparison ? comparison.similarity : null,
      synonyms: comparison.kind === 'category' ? (comparison.synonyms ?? specialtySynonyms) : null,
      table: table?.version ?? null,
    })),
  }
  return createHash('sha256').update(canonicalJson(everything)).digest('hex')
}

/** JSON with the keys of objects in order, so that the order in a file does not matter. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
