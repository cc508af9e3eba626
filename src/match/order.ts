/** A candidate pair as it is ordered: `score` in milli-bits, the ids as the records' keys print them. */
export interface ScoredPair {
  readonly left: string
  readonly right: string
  readonly score: number
}

/** The score of a pair that a reviewer decided on: above every computed score, and within a Postgres `integer`. */
export const mustScore = 2_147_483_647

/**
 * The strict total order of pairs, best first: score descending, then left id, then right id, ids bytewise as
 * UTF-8. Negative when `a` comes first. Equals `order by score desc, left collate "C", right collate "C"`.
 */
export function comparePairs(a: ScoredPair, b: ScoredPair): number {
  return b.score - a.score || compareBytewise(a.left, b.left) || compareBytewise(a.right, b.right)
}

/**
 * Compares two well-formed texts by their UTF-8 bytes, which is by code point. JavaScript's own `<` compares
 * UTF-16 units and puts U+10000 and above (surrogates, 0xD800 to 0xDFFF) before U+E000 to U+FFFF.
 */
export function compareBytewise(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) {
    const unitA = a.charCodeAt(i)
    const unitB = b.charCodeAt(i)
    if (unitA !== unitB) return codePointRank(unitA) - codePointRank(unitB)
  }
  return a.length - b.length
}

function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}
