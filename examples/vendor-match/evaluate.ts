import { noiseKinds, type NoiseKind, type Truth } from './records.ts'

export interface MatchedPair {
  readonly internalId: number
  readonly vendorId: number
}

export interface Accuracy {
  /** One-to-one matches that a perfect matcher would make. */
  readonly expected: number
  /** Matches made. */
  readonly found: number
  /** Matches made of two records of one person. */
  readonly correct: number
  /** correct / found; null when nothing was found. */
  readonly precision: number | null
  /** correct / expected; null when nothing was to be found. */
  readonly recall: number | null
  /** Harmonic mean of both; null when either is unknown, 0 when both are 0. */
  readonly f1: number | null
}

/** How many vendor users with a counterpart had that noise (a user may have several), and how many were matched rightly. */
export interface NoiseRecall {
  readonly expected: number
  readonly correct: number
}

export interface Evaluation {
  /**
   * Over the people whom the clean four fields tell apart. A match counts here when either of its records is
   * decidable: it is wrong if the other is not.
   */
  readonly decidable: Accuracy
  readonly all: Accuracy
  readonly byNoise: Readonly<Record<NoiseKind | 'none', NoiseRecall>>
}

export interface EvaluateOptions {
  readonly matches: Iterable<MatchedPair>
  readonly truth: Truth
}

/**
 * Precision, recall and F1 of a one-to-one match. Any record of the person is right, so a person with three internal
 * and two vendor records counts for two matches. Memory: the matches and the vendor's users.
 */
export function evaluate({ matches, truth }: EvaluateOptions): Evaluation {
  const matched = [...matches]
  const internal = readInternal(truth, matched)
  const vendor = new Map<number, { original: number | null; decidable: boolean }>()
  const vendorRecords = new Map<number, number>()
  const decidable = new Counts()
  for (const { vendorId, internalId, decidable: isDecidable } of truth.vendor) {
    vendor.set(vendorId, { original: internalId, decidable: isDecidable })
    if (internalId === null) continue
    vendorRecords.set(internalId, (vendorRecords.get(internalId) ?? 0) + 1)
    if (isDecidable) decidable.expected++
  }
  const all = new Counts()
  for (const [original, records] of vendorRecords) {
    all.expected += Math.min(records, 1 + (internal.duplicates.get(original) ?? 0))
  }
  const correctVendors = new Set<number>()
  for (const { internalId, vendorId } of matched) {
    const [left, right] = [internal.matched.get(internalId), vendor.get(vendorId)]
    const correct = left !== undefined && right !== undefined && left.original === right.original
    all.count(correct)
    if (left?.decidable === true || right?.decidable === true) decidable.count(correct)
    if (correct) correctVendors.add(vendorId)
  }
  return {
    decidable: decidable.accuracy(),
    all: all.accuracy(),
    byNoise: recallByNoise(truth, correctVendors),
  }
}

/**
 * The share of the true pairs that are among the candidates, which bounds the recall of any matcher that scores only
 * those; null when there are no true pairs. Duplicates count by their first records only.
 */
export function blockingRecall({
  candidates,
  truth,
}: {
  readonly candidates: Iterable<MatchedPair>
  readonly truth: Truth
}): { readonly decidable: number | null; readonly all: number | null } {
  const wanted = new Map<number, { internalId: number; decidable: boolean; found: boolean }>()
  for (const { vendorId, internalId, decidable } of truth.vendor) {
    if (internalId !== null) wanted.set(vendorId, { internalId, decidable, found: false })
  }
  for (const { internalId, vendorId } of candidates) {
    const pair = wanted.get(vendorId)
    if (pair?.internalId === internalId) pair.found = true
  }
  const all = [...wanted.values()]
  const share = (pairs: typeof all): number | null =>
    ratio(pairs.filter(({ found }) => found).length, pairs.length)
  return { decidable: share(all.filter(({ decidable }) => decidable)), all: share(all) }
}

interface InternalRecords {
  /** The matched ones: whose record it is. */
  readonly matched: ReadonlyMap<number, { readonly original: number; readonly decidable: boolean }>
  /** Original → how many further records the person has. */
  readonly duplicates: ReadonlyMap<number, number>
}

/** Only the records that matter here: the internal side may be far larger than the matches. */
function readInternal(truth: Truth, matched: readonly MatchedPair[]): InternalRecords {
  const wanted = new Set(matched.map(({ internalId }) => internalId))
  const found = new Map<number, { original: number; decidable: boolean }>()
  const duplicates = new Map<number, number>()
  for (const { internalId, originalId, decidable } of truth.internal) {
    if (wanted.has(internalId)) found.set(internalId, { original: originalId, decidable })
    if (originalId !== internalId) duplicates.set(originalId, (duplicates.get(originalId) ?? 0) + 1)
  }
  return { matched: found, duplicates }
}

function recallByNoise(truth: Truth, correct: ReadonlySet<number>): Evaluation['byNoise'] {
  const kinds = ['none', ...noiseKinds] as const
  const counts = new Map(kinds.map((kind) => [kind as string, { expected: 0, correct: 0 }]))
  for (const { vendorId, internalId, noise } of truth.vendor) {
    if (internalId === null) continue
    for (const kind of noise.length === 0 ? (['none'] as const) : noise) {
      const count = counts.get(kind)
      if (!count) continue
      count.expected++
      if (correct.has(vendorId)) count.correct++
    }
  }
  return Object.fromEntries(counts) as Record<NoiseKind | 'none', NoiseRecall>
}

class Counts {
  expected = 0
  #found = 0
  #correct = 0

  count(correct: boolean): void {
    this.#found++
    if (correct) this.#correct++
  }

  accuracy(): Accuracy {
    const precision = ratio(this.#correct, this.#found)
    const recall = ratio(this.#correct, this.expected)
    return {
      expected: this.expected,
      found: this.#found,
      correct: this.#correct,
      precision,
      recall,
      f1: precision === null || recall === null ? null : (2 * this.#correct) / (this.#found + this.expected),
    }
  }
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}
