import type { Cycle, Doubt, SweepState } from './sweep-state.ts'

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
  const { doubts, end, repeats, pages, next } = state
  const isFirstAgain = repeats > 0 && repeats === pages - 1
  const cycle = end?.kind === 'cycle' ? end : isFirstAgain ? { page: 2, repeatOf: 1 } : null
  const isSettled = sameVector && !doubts.some((doubt) => neverSettled.has(doubt))
  const stable = cycle === null && (doubts.length === 0 || isSettled)
  const isProof = stable && end?.kind !== 'not-found' && !doubts.some((doubt) => neverProving.has(doubt))
  return { stable, provesAbsence: isProof, cycle, notFound: doubts.includes('not-found') ? next : null }
}
