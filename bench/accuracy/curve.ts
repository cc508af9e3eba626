import type { Internal, VendorRecord } from './population.ts'

/** A match by places: of the vendor user in its list and of the internal user in its columns. */
export interface Assigned {
  readonly vendor: number
  readonly internal: number
  readonly score: number
}

export interface Point {
  readonly score: number
  readonly found: number
  readonly correct: number
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

export interface Curve {
  /** Decidable vendor users who have a counterpart. */
  readonly expected: number
  /** The point of the lowest score at or above `score`. */
  at(score: number): Point
  /** The point with the highest recall at which the precision is still that. */
  atPrecision(precision: number): Point
  readonly best: Point
}

export function isCorrect(internal: Internal, vendor: VendorRecord, index: number): boolean {
  return vendor.original !== null && vendor.original === internal.original[index]
}

/**
 * Precision and recall over decidable people for every threshold, from a one-to-one match given best first: by the
 * prefix property the match at a threshold is its beginning. As in the example's `evaluate`, a match counts when
 * either record is decidable.
 */
export function curveOf(
  assigned: readonly Assigned[],
  { internal, vendor }: { internal: Internal; vendor: readonly VendorRecord[] },
): Curve {
  const expected = vendor.filter(({ decidable, original }) => decidable && original !== null).length
  const points: Point[] = []
  let found = 0
  let correct = 0
  assigned.forEach(({ vendor: place, internal: index, score }, i) => {
    const record = vendor[place]
    if (record === undefined) return
    if (record.decidable || internal.decidable[index] === 1) {
      found++
      if (isCorrect(internal, record, index)) correct++
    }
    if (assigned[i + 1]?.score === score) return
    points.push({
      score,
      found,
      correct,
      precision: found === 0 ? 1 : correct / found,
      recall: correct / expected,
      f1: (2 * correct) / (found + expected),
    })
  })
  const none: Point = { score: Infinity, found: 0, correct: 0, precision: 1, recall: 0, f1: 0 }
  return {
    expected,
    at: (score) => points.findLast((point) => point.score >= score) ?? none,
    atPrecision: (precision) =>
      points.reduce(
        (best, point) => (point.precision >= precision && point.recall >= best.recall ? point : best),
        none,
      ),
    best: points.reduce((best, point) => (point.f1 > best.f1 ? point : best), none),
  }
}
