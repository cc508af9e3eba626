/** How far a sweep has come, and what it found out. */
export interface SweepState {
  /** Each page tells whether another one follows, and no number does. */
  readonly linked: boolean
  /** Pages that were taken in before a restart. */
  readonly after: number
  /** The page to be judged next; 1 is the first. */
  readonly next: number
  /** The announced number of pages, as last and as greatest seen. Null: the API does not say. */
  readonly total: number | null
  readonly greatestTotal: number | null
  /** Records on the first page that has any; null before the first page. */
  readonly size: number | null
  /** Whether the page before had another number of records than the first. */
  readonly uneven: boolean
  /** The last page that was taken in, also before a restart. */
  readonly pages: number
  /** Pages in a row, up to here, that were empty or held the ids of an earlier one. */
  readonly emptyRun: number
  /** The last page that is known to have held records. */
  readonly extent: number
  /** Pages in a row, up to here, that were passed over, and what is to be doubted if records follow. */
  readonly passed: number
  readonly unclear: readonly Doubt[]
  /** The page to be judged next was asked for by a link of an earlier sweep. */
  readonly recalled: boolean
  readonly repeatRun: number
  /** Pages with the ids of an earlier one. */
  readonly repeats: number
  readonly doubts: readonly Doubt[]
  /** Null while pages are still to be judged. */
  readonly end: End | null
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

/** Page after page held the ids of earlier ones: a reordered source looks like this once, an endless circle twice. */
export interface Cycle {
  readonly page: number
  readonly repeatOf: number
}

/** How a sweep came to its end, and when, in milliseconds since the epoch. */
export type End = { readonly at: number } & (
  | { readonly kind: 'last-page' | 'past-the-end' }
  /** "Not found" instead of an empty page told where the end is. */
  | { readonly kind: 'not-found' }
  | ({ readonly kind: 'cycle' } & Cycle)
)

export type Doubt =
  /** Some pages were read before a restart: what they held may have moved since. */
  | 'resumed'
  | 'total-changed'
  | 'size-changed'
  /** An id stood on two pages. */
  | 'overlap'
  /** The last page changed between the begin and the end of the sweep. */
  | 'end-moved'
  /** The API knows nothing of a page within the announced ones. */
  | 'not-found'
  /** A page within the announced ones, or before others with records, was empty. */
  | 'empty-page'
  /** A page within the announced ones, or before others, had the very ids of an earlier one. */
  | 'repeated-page'
  /** There were records beyond the announced pages. */
  | 'total-wrong'

export interface SweepBegin {
  /** Pages up to there were taken in by this sweep before a restart. */
  readonly after: number
  /** Records on the first page, if it is among them. */
  readonly size?: number | null
  readonly at: number
  readonly linked?: boolean
  /** The last page that held records in the sweep before, and before all that is pending; 0 without one. */
  readonly extent?: number
}

export function beginSweep({ after, size = null, at, linked = false, extent = 0 }: SweepBegin): SweepState {
  return {
    ...{ linked, after, next: after + 1, pages: after, startedAt: at, end: null },
    ...{ extent, passed: 0, unclear: [], recalled: false },
    ...{ total: null, greatestTotal: null, size, uneven: false },
    ...{ emptyRun: 0, repeatRun: 0, repeats: 0 },
    doubts: after > 0 ? ['resumed'] : [],
  }
}
