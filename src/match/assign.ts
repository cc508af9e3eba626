import { comparePairs, type ScoredPair } from './order.ts'

/**
 * The greedy one-to-one assignment in the strict order of pairs, best first: a pair is in if and only if no
 * better pair that shares a record is in. With a strict order this is the only stable matching (Gale & Shapley
 * 1962, with globally ranked pairs), hence independent of the order in which pairs are given.
 */
export function greedy<P extends ScoredPair>(pairs: readonly P[], threshold = -Infinity): P[] {
  const takenLeft = new Set<string>()
  const takenRight = new Set<string>()
  const assigned: P[] = []
  for (const pair of [...pairs].sort(comparePairs)) {
    if (pair.score < threshold) break
    if (takenLeft.has(pair.left) || takenRight.has(pair.right)) continue
    takenLeft.add(pair.left)
    takenRight.add(pair.right)
    assigned.push(pair)
  }
  return assigned
}

/**
 * The same assignment for pairs that stream by in their order, with dense numbers (0, 1, 2, …) for the records
 * of each side. One bit a record: a million on either side take 250 kB.
 */
export class GreedyAssignment {
  readonly #left = new Bits()
  readonly #right = new Bits()

  /** Whether the pair is assigned. Must be called in the order of pairs, best first. */
  accept(left: number, right: number): boolean {
    if (this.#left.has(left) || this.#right.has(right)) return false
    this.#left.add(left)
    this.#right.add(right)
    return true
  }
}

class Bits {
  #words = new Uint32Array(1024)

  has(number: number): boolean {
    const word = this.#words[number >>> 5]
    return word !== undefined && (word & (1 << (number & 31))) !== 0
  }

  add(number: number): void {
    const index = number >>> 5
    if (index >= this.#words.length) this.#grow(index + 1)
    this.#words[index] = (this.#words[index] ?? 0) | (1 << (number & 31))
  }

  #grow(needed: number): void {
    const larger = new Uint32Array(Math.max(needed, this.#words.length * 2))
    larger.set(this.#words)
    this.#words = larger
  }
}
