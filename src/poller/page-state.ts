import type { Doubt, End, SweepState } from './sweep-state.ts'

/**
 * One sweep over all pages as a pure machine: which pages to ask for, when the sweep is over, and what may be
 * believed of it. Pages are judged in page order, so the order in which answers arrive decides nothing.
 *
 * Pages shift under a reader: a record inserted before the reader's place makes it see one record twice, a removed
 * one makes it miss one. So a sweep in which the totals, the page size or the ids moved leaves a doubt, and a
 * sweep with doubts is repeated. A removal alone leaves no trace but on the last page, which is why a sweep without
 * a predecessor looks at that page when it begins, too; later ones know the ids that they should have seen.
 *
 * An end is believed when it is announced: by the number of pages, or by a page with records that tells of no next one.
 * A page on which nothing stands announces nothing, since a faulty API answers so for any page. It is passed over, and
 * what is known of it stays, until the page behind it is as empty and all are that held records before: those up to
 * `extent` or, where only links lead on, those to which the links of the sweep before lead. Records behind it show that
 * it was no end, and such a sweep proves no absence.
 */

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
  /** Where the page behind is; only asked of linked pages. An empty one without a link has perhaps had one before. */
  readonly next?: 'told' | 'recalled' | 'none'
  /** Whether the page held records when it was last taken in. */
  readonly held?: boolean
  /** It could not be asked for, which is no answer. */
  readonly unreachable?: boolean
  readonly at: number
}

/** So many announced pages in a row may be empty before a sweep is cut short. */
const maxEmptyRun = 100
/** So many pages in a row on which nothing stands are an end, if none is known behind them. */
const endRun = 2
/** So many repeated pages in a row are a cycle and no shift. */
const maxRepeatRun = 3

/**
 * The pages to ask for now, given that those up to `asked` were asked for, at most `ahead` beyond the judged ones.
 * The first that is asked for comes alone: it tells how many there are. Beyond the announced pages one is asked for at a time.
 */
export function wantedPages(state: SweepState, { asked, ahead }: { asked: number; ahead: number }): number[] {
  if (state.end !== null) return []
  const isFirst = state.next === state.after + 1
  const limit = isFirst ? state.next : Math.min(state.next + ahead - 1, state.greatestTotal ?? Infinity)
  const wanted: number[] = []
  for (let page = Math.max(asked + 1, state.next); page <= Math.max(limit, state.next); page++)
    wanted.push(page)
  return wanted
}

/** Take the page in, or leave it: it lies past the end, or nothing of it is to be believed yet. */
export interface Step {
  readonly kind: 'take' | 'leave'
  readonly state: SweepState
}

/** Where the page that is judged stands: before all others, within the announced ones, beyond them, without a number. */
type Place = 'first' | 'announced' | 'beyond' | 'unannounced' | 'linked' | 'ended'

/** What came instead of the page, or how it looks. */
type Answer = 'not-found' | 'empty' | 'repeated' | 'records'

type Transition = (state: SweepState, seen: PageSeen) => Step

const transitions: { readonly [At in Place]: { readonly [Came in Answer]: Transition } } = {
  first: {
    'not-found': (state, seen) => leave(state, { kind: 'not-found', at: seen.at }),
    empty: (state, seen) => {
      if (state.greatestTotal === null) return passOver(state, seen, 'empty-page')
      return state.greatestTotal <= 1 ? takeLast(state, seen) : takeEmpty(state, seen)
    },
    repeated: takeFirst,
    records: takeFirst,
  },
  announced: {
    'not-found': (state, seen) => pastTheEnd(doubted(state, ['not-found']), seen),
    // The announced pages may have shrunk below this one while the sweep went on.
    empty: (state, seen) =>
      seen.total !== null && seen.total < seen.page ? pastTheEnd(state, seen) : takeEmpty(state, seen),
    repeated: (state, seen) => takeUnlessCycle(state, seen, doubtsOf(state, seen)),
    records: (state, seen) => take(state, seen, doubtsOf(state, seen)),
  },
  beyond: {
    'not-found': pastTheEnd,
    empty: pastTheEnd,
    repeated: pastTheEnd,
    // What is there counts if it is new.
    records: (state, seen) =>
      seen.fresh === 0
        ? pastTheEnd(state, seen)
        : take(state, seen, [...doubtsOf(state, seen), 'total-wrong']),
  },
  unannounced: {
    'not-found': (state, seen) => leave(state, { kind: 'not-found', at: seen.at }),
    empty: (state, seen) => passOver(state, seen, 'empty-page'),
    // Some APIs answer the last page for any page past the end; the second page is no end of anything.
    repeated: (state, seen) =>
      seen.repeatOf === state.pages && state.pages > 1
        ? passOver(state, seen, 'repeated-page')
        : cycle(state, seen),
    records: (state, seen) => take(state, seen, doubtsOf(state, seen)),
  },
  linked: {
    // A page that is named and not there is no end: cursors expire. Only of an earlier sweep's it is as good as empty.
    'not-found': (state, seen) => {
      if (!state.recalled) return pastTheEnd(doubted(state, ['not-found']), seen)
      return seen.unreachable === true
        ? leave(state, { kind: 'not-found', at: seen.at })
        : pastTheEnd(state, seen)
    },
    // Pages of any size follow each other, empty ones too, until one says that it is the last.
    empty: (state, seen) => {
      if (seen.next === 'none') return pastTheEnd(state, seen)
      if (seen.next === 'recalled') return pass(state, seen, 'empty-page')
      if (state.emptyRun + 1 >= maxEmptyRun) return takeEmpty(state, seen)
      return seen.held === true ? pass(state, seen, 'empty-page') : take(state, seen, [])
    },
    repeated: (state, seen) => takeUnlessCycle(state, seen, ['repeated-page', 'overlap']),
    records: (state, seen) => take(state, seen, seen.fresh < seen.count ? ['overlap'] : []),
  },
  ended: { 'not-found': stay, empty: stay, repeated: stay, records: stay },
}

/** `seen` must be of the page `before.next`. */
export function judgePage(before: SweepState, seen: PageSeen): Step {
  const state = before.end === null ? noteTotals(before, seen) : before
  return transitions[placeOf(state)][answerOf(seen)](state, seen)
}

function placeOf({ end, linked, next, greatestTotal }: SweepState): Place {
  if (end !== null) return 'ended'
  if (linked) return 'linked'
  if (next === 1) return 'first'
  if (greatestTotal === null) return 'unannounced'
  return next <= greatestTotal ? 'announced' : 'beyond'
}

function answerOf({ notFound, count, repeatOf }: PageSeen): Answer {
  if (notFound) return 'not-found'
  if (count === 0) return 'empty'
  return repeatOf === null ? 'records' : 'repeated'
}

function noteTotals(state: SweepState, { total, page }: PageSeen): SweepState {
  if (total === null || state.linked) return state
  // What the API says of pages that it does not have is worth nothing.
  const isFirst = state.total === null
  if (!isFirst && page > (state.greatestTotal ?? 0) && total < page) return state
  const greatestTotal = Math.max(total, state.greatestTotal ?? 0)
  const noted = { ...state, total, greatestTotal }
  return isFirst || total === state.total ? noted : doubted(noted, ['total-changed'])
}

function doubtsOf(state: SweepState, seen: PageSeen): Doubt[] {
  const found: Doubt[] = seen.moved ? ['end-moved'] : []
  if (seen.repeatOf !== null) found.push('repeated-page')
  if (seen.fresh < seen.count) found.push('overlap')
  // A short page is only harmless as the last one; a longer one than the first never is.
  if (state.uneven || (state.size !== null && seen.count > state.size)) found.push('size-changed')
  return found
}

function doubted(state: SweepState, found: readonly Doubt[]): SweepState {
  return { ...state, doubts: [...new Set([...state.doubts, ...found])] }
}

function takeFirst(state: SweepState, seen: PageSeen): Step {
  return take(state, seen, state.greatestTotal === 0 ? ['total-wrong'] : doubtsOf(state, seen))
}

function takeEmpty(state: SweepState, seen: PageSeen): Step {
  if (state.emptyRun + 1 < maxEmptyRun) return take(state, seen, ['empty-page'])
  return pastTheEnd(doubted(state, ['empty-page']), seen)
}

/** Nothing announces that this is the end. */
function passOver(state: SweepState, seen: PageSeen, unclear: Doubt): Step {
  const isEnd = state.passed + 1 >= endRun && seen.page >= state.extent
  return isEnd ? pastTheEnd(state, seen) : pass(state, seen, unclear)
}

function pass(state: SweepState, { page, next, count }: PageSeen, unclear: Doubt): Step {
  return {
    kind: 'leave',
    state: {
      ...state,
      ...{ next: page + 1, passed: state.passed + 1, recalled: next === 'recalled' },
      emptyRun: count === 0 ? state.emptyRun + 1 : state.emptyRun,
      unclear: [...new Set([...state.unclear, unclear])],
    },
  }
}

function takeUnlessCycle(state: SweepState, seen: PageSeen, found: readonly Doubt[]): Step {
  return state.repeatRun + 1 < maxRepeatRun ? take(state, seen, found) : cycle(state, seen)
}

function takeLast(state: SweepState, seen: PageSeen): Step {
  const { state: taken } = take(state, seen, [])
  return { kind: 'take', state: { ...taken, end: { kind: 'last-page', at: seen.at } } }
}

function take(state: SweepState, seen: PageSeen, found: readonly Doubt[]): Step {
  const { page, count, repeatOf, at } = seen
  const isGap = count > 0 && state.passed > 0
  // Until a page has records there is no size to compare with.
  const size = state.size === null || state.size === 0 ? count : state.size
  const { linked, greatestTotal } = state
  // A full last page is followed by another one if the announced number is too small.
  const isLast = linked
    ? seen.next === 'none'
    : greatestTotal !== null && page >= greatestTotal && count < size
  return {
    kind: 'take',
    state: {
      ...doubted(state, isGap ? [...found, ...state.unclear] : found),
      ...{ next: page + 1, pages: page, size, recalled: false },
      ...(count > 0 ? { passed: 0, unclear: [] } : {}),
      uneven: state.uneven || (count > 0 && count !== size),
      emptyRun: count === 0 ? state.emptyRun + 1 : 0,
      repeatRun: repeatOf === null ? 0 : state.repeatRun + 1,
      repeats: state.repeats + (repeatOf === null ? 0 : 1),
      end: isLast ? { kind: 'last-page', at } : null,
    },
  }
}

function stay(state: SweepState): Step {
  return { kind: 'leave', state }
}

function leave(state: SweepState, end: End): Step {
  return { kind: 'leave', state: { ...state, end } }
}

function pastTheEnd(state: SweepState, { at }: PageSeen): Step {
  return leave(state, { kind: 'past-the-end', at })
}

function cycle(state: SweepState, { page, repeatOf, at }: PageSeen): Step {
  return leave(doubted(state, ['repeated-page']), { kind: 'cycle', page, repeatOf: repeatOf ?? page, at })
}
