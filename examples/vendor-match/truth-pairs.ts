import type { Truth } from './records.ts'

/** A line of the file that `syncline match evaluate --truth` reads; one id alone: no counterpart. */
export interface TruthPair {
  readonly left_id: number | null
  readonly right_id: number | null
  readonly decidable: boolean
}

/**
 * Every pair of records of one person, and everybody who is on one side only. Left is the internal side. Memory: the
 * internal duplicates and the ids of internal users who have a counterpart.
 */
export function* truthPairs({ vendor, internal }: Truth): Generator<TruthPair> {
  const duplicates = new Map<number, number[]>()
  for (const { internalId, originalId } of internal) {
    if (internalId === originalId) continue
    const others = duplicates.get(originalId) ?? []
    others.push(internalId)
    duplicates.set(originalId, others)
  }
  const found = new Set<number>()
  for (const { vendorId, internalId, decidable } of vendor) {
    if (internalId === null) {
      yield { left_id: null, right_id: vendorId, decidable }
      continue
    }
    found.add(internalId)
    for (const id of [internalId, ...(duplicates.get(internalId) ?? [])]) {
      yield { left_id: id, right_id: vendorId, decidable }
    }
  }
  for (const { internalId, originalId, decidable } of internal) {
    if (!found.has(originalId)) yield { left_id: internalId, right_id: null, decidable }
  }
}
