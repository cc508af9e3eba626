/**
 * One sweep over all pages as a pure machine: which pages to ask for, when the sweep is over, and what may be
 * believed of it. Pages are judged in page order, so the order in which answers arrive decides nothing.
 *
 * Pages shift under a reader: a record inserted before the reader's place makes it see one record twice, a removed
 * one makes it miss one. So a sweep in which the totals, the page size or the ids moved leaves a doubt, and a
 * sweep with doubts is repeated. A removal alone leaves no trace but on the last page, which is why a sweep without
 * a predecessor looks at that page when it begins, too; later ones know the ids that they should have seen.
 */
export interface SweepState {
  /** Each page tells whether another one follows, and no number does. */
  readonly linked: boolean
  /** The page to be judged next; 1 is the first. */
  readonly next: number
  /** Pages up to here were already taken in before a restart. */
  readonly resumedAfter: number
  /** The announced number of pages, as last and as greatest seen. Null: the API does not say. */
  readonly total: number | null
  readonly greatestTotal: number | null
  /** Records on the first judged page. */
  readonly size: number | null
  /** Whether the page before had another number of records than the first. */
  readonly uneven: boolean
  /** The last page that was taken in. */
  readonly pages: number
  readonly emptyRun: number
  readonly repeatRun: number
  /** Pages with the ids of an earlier one. */
  readonly repeats: number
  /** "Not found" instead of an empty page told where the end is. */
  readonly endedByNotFound: boolean
  readonly cycle: Cycle | null
  readonly doubts: readonly Doubt[]
  readonly ended: boolean
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt: number | null
}

/** Page after page held the ids of earlier ones: a reordered source looks like this once, an endless circle twice. */
export interface Cycle {
  readonly page: number
  readonly repeatOf: number
}

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
  /** A page within the announced ones was empty. */
  | 'empty-page'
  /** A page within the announced ones had the very ids of an earlier one. */
  | 'repeated-page'
  /** There were records beyond the announced pages. */
  | 'total-wrong'

/** What was seen of one page, before it is taken in. */
export interface PageSeen {
  readonly page: number
  readonly total: number | null
  readonly count: number
  /** How many of its records were not yet seen on another page of this sweep. */
  readonly fresh: number
  /** An earlier page of this sweep with the same ids in the same order. */
  readonly repeatOf: number | null
  /** It was also looked at when the sweep began and held other ids then. */
  readonly moved: boolean
  /** The API answered "not found". */
  readonly notFound: boolean
  /** Whether the page tells that no other follows; only asked of linked pages. */
  readonly last?: boolean
  readonly at: number
}

/** So many announced pages in a row may be empty before a sweep is cut short. */
const maxEmptyRun = 100
/** So many repeated pages in a row are a cycle and no shift. */
const maxRepeatRun = 3

export function beginSweep({
  after,
  at,
  linked = false,
}: {
  after: number
  at: number
  linked?: boolean
}): SweepState {
  return {
    linked,
    next: after + 1,
    resumedAfter: after,
    total: null,
    greatestTotal: null,
    size: null,
    uneven: false,
    pages: after,
    emptyRun: 0,
    repeatRun: 0,
    repeats: 0,
    endedByNotFound: false,
    cycle: null,
    doubts: after > 0 ? ['resumed'] : [],
    ended: false,
    startedAt: at,
    endedAt: null,
  }
}

/**
 * The pages to ask for now, given that those up to `asked` were asked for, at most `ahead` beyond the judged ones.
 * The first page comes alone: it tells how many there are. Beyond the announced pages one is asked for at a time.
 */
export function wantedPages(state: SweepState, { asked, ahead }: { asked: number; ahead: number }): number[] {
  if (state.ended) return []
  const isFirst = state.size === null
  const limit = isFirst ? state.next : Math.min(state.next + ahead - 1, state.greatestTotal ?? Infinity)
  const wanted: number[] = []
  for (let page = Math.max(asked + 1, state.next); page <= Math.max(limit, state.next); page++)
    wanted.push(page)
  return wanted
}

/** Take the page in, or leave it: it lies past the end or nothing of it is to be believed. */
export interface Step {
  readonly kind: 'take' | 'leave'
  readonly state: SweepState
}

export function judgePage(before: SweepState, seen: PageSeen): Step {
  if (before.linked) return judgeLinked(before, seen)
  const state = noteTotals(before, seen)
  const announced = state.greatestTotal !== null && seen.page <= state.greatestTotal
  if (seen.notFound) {
    const doubts = announced ? added(state.doubts, ['not-found']) : state.doubts
    return pastEnd({ ...state, doubts, endedByNotFound: state.greatestTotal === null }, seen)
  }
  if (!announced) return judgeUnannounced(state, seen)
  if (seen.count === 0) return judgeEmpty(state, seen)
  const repeatRun = seen.repeatOf === null ? 0 : state.repeatRun + 1
  if (seen.repeatOf !== null && repeatRun >= maxRepeatRun) {
    return endInCycle(state, { ...seen, repeatOf: seen.repeatOf })
  }
  return take({ ...state, repeatRun, doubts: doubtsOf(state, seen) }, seen)
}

/**
 * Pages of any size follow each other, empty ones too, until one says that it is the last. A page that is named and not
 * there is no end: cursors expire.
 */
function judgeLinked(state: SweepState, seen: PageSeen): Step {
  if (seen.notFound) return pastEnd({ ...state, doubts: added(state.doubts, ['not-found']) }, seen)
  const { repeatOf } = seen
  const repeatRun = repeatOf === null ? 0 : state.repeatRun + 1
  if (repeatOf !== null && repeatRun >= maxRepeatRun) return endInCycle(state, { ...seen, repeatOf })
  const found: Doubt[] = repeatOf === null ? [] : ['repeated-page']
  if (seen.fresh < seen.count) found.push('overlap')
  const emptyRun = seen.count === 0 ? state.emptyRun + 1 : 0
  if (emptyRun >= maxEmptyRun) found.push('empty-page')
  const ended = seen.last === true || emptyRun >= maxEmptyRun
  return {
    kind: 'take',
    state: {
      ...state,
      next: seen.page + 1,
      pages: seen.page,
      size: seen.count,
      doubts: added(state.doubts, found),
      repeats: state.repeats + (repeatOf === null ? 0 : 1),
      ...{ repeatRun, emptyRun, ended, endedAt: ended ? seen.at : null },
    },
  }
}

function noteTotals(state: SweepState, { total, page }: PageSeen): SweepState {
  if (total === null) return state
  // What the API says of pages that it does not have is worth nothing.
  const isFirst = state.total === null
  if (!isFirst && page > (state.greatestTotal ?? 0) && total < page) return state
  const doubts: Doubt[] = isFirst || total === state.total ? [] : ['total-changed']
  const greatestTotal = Math.max(total, state.greatestTotal ?? 0)
  return { ...state, total, greatestTotal, doubts: added(state.doubts, doubts) }
}

function doubtsOf(state: SweepState, seen: PageSeen): readonly Doubt[] {
  const found: Doubt[] = seen.moved ? ['end-moved'] : []
  if (seen.repeatOf !== null) found.push('repeated-page')
  if (seen.fresh < seen.count) found.push('overlap')
  // A short page is only harmless as the last one; a longer one than the first never is.
  if (state.uneven || (state.size !== null && seen.count > state.size)) found.push('size-changed')
  return added(state.doubts, found)
}

/** Beyond the announced pages, or nothing was announced: what is there counts if it is new. */
function judgeUnannounced(state: SweepState, seen: PageSeen): Step {
  if (seen.page === 1) {
    const isWrong = state.greatestTotal !== null && seen.count > 0
    return take(isWrong ? { ...state, doubts: added(state.doubts, ['total-wrong']) } : state, seen)
  }
  if (seen.count === 0) return pastEnd(state, seen)
  if (state.greatestTotal !== null) {
    if (seen.fresh === 0) return pastEnd(state, seen)
    return take({ ...state, doubts: added(doubtsOf(state, seen), ['total-wrong']) }, seen)
  }
  // Some APIs answer the last page for any page past the end; the second page is no end of anything.
  if (seen.repeatOf !== null && seen.repeatOf === seen.page - 1 && seen.page > 2) return pastEnd(state, seen)
  if (seen.repeatOf !== null) return endInCycle(state, { ...seen, repeatOf: seen.repeatOf })
  return take({ ...state, doubts: doubtsOf(state, seen) }, seen)
}

function judgeEmpty(state: SweepState, seen: PageSeen): Step {
  if (seen.page === 1 && (seen.total ?? 0) <= 1) return take(state, seen)
  // The announced pages have shrunk below this one while the sweep went on.
  if (seen.total !== null && seen.total < seen.page) return pastEnd(state, seen)
  const emptyRun = state.emptyRun + 1
  const doubtful = { ...state, emptyRun, doubts: added(state.doubts, ['empty-page']) }
  return emptyRun >= maxEmptyRun ? pastEnd(doubtful, seen) : take(doubtful, seen)
}

function take(state: SweepState, seen: PageSeen): Step {
  // Until a page has records there is no size to compare with.
  const size = state.size === null || state.size === 0 ? seen.count : state.size
  const next = {
    ...state,
    next: seen.page + 1,
    pages: seen.page,
    repeats: state.repeats + (seen.repeatOf === null ? 0 : 1),
    size,
    uneven: state.uneven || (seen.count > 0 && seen.count !== size),
    emptyRun: seen.count === 0 ? state.emptyRun : 0,
  }
  // A full last page is followed by another one if the announced number is too small.
  const isLast = state.greatestTotal !== null && seen.page >= state.greatestTotal && seen.count < size
  const isEmpty = seen.page === 1 && seen.count === 0 && (seen.total ?? 0) <= 1
  return { kind: 'take', state: isLast || isEmpty ? { ...next, ended: true, endedAt: seen.at } : next }
}

function pastEnd(state: SweepState, { at }: PageSeen): Step {
  return { kind: 'leave', state: { ...state, ended: true, endedAt: at } }
}

function endInCycle(state: SweepState, { page, repeatOf, at }: PageSeen & { repeatOf: number }): Step {
  const doubts = added(state.doubts, ['repeated-page'])
  return {
    kind: 'leave',
    state: { ...state, doubts, cycle: { page, repeatOf }, ended: true, endedAt: at },
  }
}

const added = (doubts: readonly Doubt[], more: readonly Doubt[]): readonly Doubt[] => [
  ...new Set([...doubts, ...more]),
]

export interface Verdict {
  /** No record of a source at rest was missed; otherwise the sweep is repeated. */
  readonly stable: boolean
  /** An id that was not seen may be believed to be gone, if the next sweep agrees. */
  readonly provesAbsence: boolean
  /** The sweep was cut short, or all its pages are the first one again. Seen twice in a row it is no accident. */
  readonly cycle: Cycle | null
  /** The announced page that the API knows nothing of. */
  readonly notFound: number | null
}

/** Only moving data explains these; any other doubt is how the API is if two sweeps in a row saw the very same ids. */
const neverSettled: ReadonlySet<Doubt> = new Set(['resumed', 'total-changed', 'end-moved', 'not-found'])
/** Records may hide behind these however often they are seen. */
const neverProving: ReadonlySet<Doubt> = new Set(['empty-page', 'repeated-page', 'total-wrong'])

/** `sameVector`: all pages held the same ids in the same order as in the sweep before. */
export function judgeSweep(state: SweepState, { sameVector }: { sameVector: boolean }): Verdict {
  const { doubts, endedByNotFound, repeats, pages } = state
  const isFirstAgain = repeats > 0 && repeats === pages - 1
  const cycle = state.cycle ?? (isFirstAgain ? { page: 2, repeatOf: 1 } : null)
  const isSettled = sameVector && !doubts.some((doubt) => neverSettled.has(doubt))
  const stable = cycle === null && (doubts.length === 0 || isSettled)
  const provesAbsence = stable && !endedByNotFound && !doubts.some((doubt) => neverProving.has(doubt))
  return { stable, provesAbsence, cycle, notFound: doubts.includes('not-found') ? state.next : null }
}
