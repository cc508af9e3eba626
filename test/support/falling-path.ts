import { comparePairs, type ScoredPair } from '../../src/match/order.ts'

/**
 * The pairs by which two matches differ, best first. Throws when they are not one alternating path with strictly falling
 * scores that begins at a record: what one record that comes or goes may change.
 */
export function fallingPath(
  before: readonly ScoredPair[],
  after: readonly ScoredPair[],
  isOfRecord: (pair: ScoredPair) => boolean,
): ScoredPair[] {
  const key = ({ left, right }: ScoredPair): string => `${left} ${right}`
  const [old, now] = [new Set(before.map(key)), new Set(after.map(key))]
  const isNew = (pair: ScoredPair): boolean => now.has(key(pair))
  const path = [...before.filter((pair) => !isNew(pair)), ...after.filter((pair) => !old.has(key(pair)))]
  path.sort(comparePairs)
  const [first] = path
  if (first && !isOfRecord(first)) throw new Error(`the path begins elsewhere, at ${key(first)}`)
  for (const [index, pair] of path.slice(1).entries()) {
    const better = path[index]
    if (!better) continue
    if (isNew(pair) === isNew(better)) throw new Error(`${key(better)} and ${key(pair)} both come or both go`)
    if (pair.left !== better.left && pair.right !== better.right)
      throw new Error(`${key(pair)} shares no record with ${key(better)} above it`)
  }
  return path
}
