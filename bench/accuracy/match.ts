import { GreedyAssignment } from '../../src/match/assign.ts'
import type { Model, Prepared } from '../../src/match/model.ts'
import { comparePairs } from '../../src/match/order.ts'
import type { Assigned } from './curve.ts'
import { internalFields, type Internal, type VendorRecord } from './population.ts'

export interface Matched {
  /** Best first, down to the model's floor. */
  readonly assigned: readonly Assigned[]
  /** Pairs that share a key. */
  readonly candidates: number
  /** Pairs at or above the floor. */
  readonly pairs: number
  /** By place of the vendor user: whether a record of the same person was among the candidates; its best score. */
  readonly truthFound: Uint8Array
  readonly truthScore: Float64Array
  readonly vendor: readonly Prepared[]
}

/**
 * The product's keys, scores and greedy assignment in memory. Only the vendor's side and the pairs at or above the
 * floor are held; internal users stream by.
 */
export function matchAll(model: Model, internal: Internal, vendor: readonly VendorRecord[]): Matched {
  const prepared = vendor.map(({ fields }) => model.prepare(fields))
  const blocks = new KeyIndex(prepared.length)
  prepared.forEach((record, place) => {
    for (const key of model.keys(record)) blocks.add(key, place)
  })
  const truthFound = new Uint8Array(vendor.length)
  const truthScore = new Float64Array(vendor.length).fill(-Infinity)
  const seen = new Int32Array(vendor.length).fill(-1)
  const pairs: Assigned[] = []
  let candidates = 0
  for (let index = 0; index < internal.count; index++) {
    const left = model.prepare(internalFields(internal, index))
    for (const key of model.keys(left)) {
      blocks.each(key, (place) => {
        const right = prepared[place]
        if (seen[place] === index || right === undefined) return
        seen[place] = index
        candidates++
        const score = model.score(left, right)
        if (vendor[place]?.original === internal.original[index]) {
          truthFound[place] = 1
          truthScore[place] = Math.max(truthScore[place] ?? -Infinity, score)
        }
        if (score >= model.floor) pairs.push({ vendor: place, internal: index, score })
      })
    }
  }
  return {
    assigned: assign(pairs, internal, vendor),
    candidates,
    pairs: pairs.length,
    truthFound,
    truthScore,
    vendor: prepared,
  }
}

/** Greedy in the product's strict order: score, then left id, then right id, bytewise. */
export function assign(
  pairs: readonly Assigned[],
  internal: Internal,
  vendor: readonly VendorRecord[],
): Assigned[] {
  const asPair = ({ vendor: right, internal: left, score }: Assigned) => ({
    left: String(internal.id[left]),
    right: String(vendor[right]?.id),
    score,
  })
  const sorted = [...pairs].sort((a, b) => b.score - a.score || comparePairs(asPair(a), asPair(b)))
  const assignment = new GreedyAssignment()
  return sorted.filter(({ internal: left, vendor: right }) => assignment.accept(left, right))
}

/** Key → places, as chains in arrays: a `Map` of lists would take ten times the memory. */
class KeyIndex {
  readonly #heads: Int32Array
  #keys = new Float64Array(1024)
  #places = new Int32Array(1024)
  #next = new Int32Array(1024)
  #size = 0

  constructor(expected: number) {
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(16, expected * 8)))).fill(-1)
  }

  add(key: number, place: number): void {
    if (this.#size === this.#keys.length) this.#grow()
    const bucket = this.#bucket(key)
    this.#keys[this.#size] = key
    this.#places[this.#size] = place
    this.#next[this.#size] = this.#heads[bucket] ?? -1
    this.#heads[bucket] = this.#size++
  }

  each(key: number, visit: (place: number) => void): void {
    for (let at = this.#heads[this.#bucket(key)] ?? -1; at !== -1; at = this.#next[at] ?? -1) {
      if (this.#keys[at] === key) visit(this.#places[at] ?? 0)
    }
  }

  #bucket(key: number): number {
    return key % this.#heads.length
  }

  #grow(): void {
    const copy = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from)
      return to
    }
    const size = this.#size * 2
    this.#keys = copy(this.#keys, new Float64Array(size))
    this.#places = copy(this.#places, new Int32Array(size))
    this.#next = copy(this.#next, new Int32Array(size))
  }
}
