import { GreedyAssignment } from './assign.ts'

/** Accuracy of the matches at or above `threshold` (milli-bits); shares are null when they would divide by zero. */
export interface AccuracyPoint {
  readonly threshold: number
  readonly found: number
  readonly correct: number
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
}

export interface AccuracyCurve {
  /** One-to-one matches that a perfect matcher would make. */
  readonly expected: number
  /** By rising threshold. */
  readonly points: readonly AccuracyPoint[]
  readonly atThreshold: AccuracyPoint
  /** The highest F1 at any threshold; null without pairs. */
  readonly best: AccuracyPoint | null
  /** The highest recall at any threshold with the wanted precision; null if none has it. */
  readonly atPrecision: AccuracyPoint | null
}

export interface CurveOptions {
  readonly expected: number
  /** Milli-bits. */
  readonly floor: number
  readonly threshold: number
  readonly precision: number
}

const step = 500
const steps = 24

/** Counts matches that come best first; everything it keeps is bounded by the number of thresholds. */
export class CurveCounter {
  readonly #options: CurveOptions
  /** Falling. */
  readonly #wanted: number[]
  readonly #points: AccuracyPoint[] = []
  #found = 0
  #correct = 0
  #score = Infinity
  #best: AccuracyPoint | null = null
  #atPrecision: AccuracyPoint | null = null

  constructor(options: CurveOptions) {
    this.#options = options
    const { floor, threshold } = options
    const first = Math.ceil(floor / step) * step
    const grid = Array.from({ length: steps + 1 }, (_, i) => first + i * step)
    this.#wanted = [...new Set([floor, threshold, ...grid])].sort((a, b) => b - a)
  }

  count(score: number, correct: boolean): void {
    if (score !== this.#score) this.#close(score)
    this.#score = score
    this.#found++
    if (correct) this.#correct++
  }

  finish(): AccuracyCurve {
    this.#close(-Infinity)
    const points = this.#points.toReversed()
    const atThreshold = points.find(({ threshold }) => threshold === this.#options.threshold)
    return {
      expected: this.#options.expected,
      points,
      atThreshold: atThreshold ?? this.#point(this.#options.threshold),
      best: this.#best,
      atPrecision: this.#atPrecision,
    }
  }

  /** All matches that score above `next` have been counted. */
  #close(next: number): void {
    while ((this.#wanted[0] ?? -Infinity) > next) this.#points.push(this.#point(this.#wanted.shift() ?? 0))
    if (this.#found === 0) return
    const point = this.#point(this.#score)
    if ((point.f1 ?? 0) > (this.#best?.f1 ?? -1)) this.#best = point
    if ((point.precision ?? 0) >= this.#options.precision) this.#atPrecision = point
  }

  #point(threshold: number): AccuracyPoint {
    const { expected } = this.#options
    const [found, correct] = [this.#found, this.#correct]
    const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)
    return {
      threshold,
      found,
      correct,
      precision: ratio(correct, found),
      recall: ratio(correct, expected),
      f1: ratio(2 * correct, found + expected),
    }
  }
}

/** A stored pair in the order of pairs, and what the truth says about it. */
export interface RankedPair {
  readonly score: number
  /** Dense numbers of the records. */
  readonly left: number
  readonly right: number
  readonly isTrue: boolean
  /** Whether either record is in the truth, and whether either is decidable there. */
  readonly isKnown: boolean
  readonly isDecidable: boolean
}

/**
 * Precision and recall at every threshold from one pass over the pairs, best first: by the prefix property the match
 * at a threshold is the beginning of the match at the floor.
 */
export class PairEvaluation {
  readonly #assignment = new GreedyAssignment()
  readonly #decidable: CurveCounter
  readonly #all: CurveCounter

  constructor(options: { readonly decidable: CurveOptions; readonly all: CurveOptions }) {
    this.#decidable = new CurveCounter(options.decidable)
    this.#all = new CurveCounter(options.all)
  }

  take({ score, left, right, isTrue, isKnown, isDecidable }: RankedPair): void {
    if (!this.#assignment.accept(left, right)) return
    if (isDecidable) this.#decidable.count(score, isTrue)
    if (isKnown) this.#all.count(score, isTrue)
  }

  finish(): { readonly decidable: AccuracyCurve; readonly all: AccuracyCurve } {
    return { decidable: this.#decidable.finish(), all: this.#all.finish() }
  }
}

/** What became of the decidable pairs whose fields compare alike. */
export interface PatternCount {
  /** The level of each compared field, in the order of the fields; `missing` where a side has no value. */
  readonly levels: Readonly<Record<string, string>>
  /** True pairs, and how many of them are matched. */
  readonly pairs: number
  readonly matched: number
  /** True pairs without a common key, below the threshold, or above it but with a better rival. */
  readonly noKey: number
  readonly belowThreshold: number
  readonly rival: number
  /** Matches that are no true pair. */
  readonly wrong: number
}

export type PairOutcome = Exclude<keyof PatternCount, 'levels' | 'pairs'>

/** Bounded: there are only so many combinations of levels. */
export class PatternCounter {
  readonly #counts = new Map<
    string,
    { levels: Record<string, string> } & Record<PairOutcome | 'pairs', number>
  >()

  count(levels: Record<string, string>, outcome: PairOutcome): void {
    const key = Object.values(levels).join(' ')
    const counts = this.#counts.get(key) ?? {
      levels,
      pairs: 0,
      matched: 0,
      noKey: 0,
      belowThreshold: 0,
      rival: 0,
      wrong: 0,
    }
    this.#counts.set(key, counts)
    counts[outcome]++
    if (outcome !== 'wrong') counts.pairs++
  }

  /** Most pairs first. */
  finish(): PatternCount[] {
    return [...this.#counts.values()].sort((a, b) => b.pairs + b.wrong - (a.pairs + a.wrong))
  }
}
