import type { ReviewCandidate } from '../match/review-list.ts'
import type { Reviewed } from '../warehouse/review.ts'
import type { DecisionLine } from './decision-lines.ts'
import { textTable } from './text-table.ts'

const kinds: Readonly<Record<ReviewCandidate['kind'], string>> = {
  band: 'below the threshold',
  rival: 'lost to a rival',
  match: 'matched',
}

/** Pairs for a reviewer, three lines each: what is doubtful, and both records. */
export function reviewListText(pairs: readonly ReviewCandidate[]): string {
  if (pairs.length === 0) return 'nothing is left to review\n'
  const lines = pairs.flatMap(({ left, right, score, kind, probability, value, leftFields, rightFields }) => {
    const fields = Object.keys(leftFields)
    const cells = (record: ReviewCandidate['leftFields']): string[] =>
      fields.map((field) => record[field] ?? '-')
    return [
      `${left} ${right}   ${kinds[kind]} · ${(score / 1000).toFixed(3)} bits · chance ${probability.toFixed(2)} · value ${value.toFixed(2)}`,
      ...textTable([
        ['  left', ...cells(leftFields)],
        ['  right', ...cells(rightFields)],
      ]),
      '',
    ]
  })
  return `${lines.join('\n')}\n`
}

/** What the leader answers to a decision; one of an earlier release tells nothing of contradictions. */
export type ReviewOutcome = Pick<Reviewed, 'changed' | 'present'> & Partial<Reviewed>

type Said = Pick<DecisionLine, 'left' | 'right' | 'verdict'>

/** What became of one decision. */
export function outcomeText(said: Said, outcome: ReviewOutcome | undefined): string {
  return `${changeText(said, outcome)}\n${contradictingText(contradictingOf([said], outcome ? [outcome] : []))}`
}

function changeText({ left, right, verdict }: Said, outcome: ReviewOutcome | undefined): string {
  if (!outcome?.changed) {
    const said = verdict === null ? 'nothing was said' : 'that was said already'
    return `nothing changed: ${said} of ${left} and ${right}`
  }
  if (!outcome.present) return 'noted: it counts as soon as both records are there'
  return (outcome.contradicts ?? []).length > 0 ? 'noted' : 'done: the match follows'
}

/** An accept, and the other standing accepts of its records. */
export interface Contradicting {
  readonly left: string
  readonly right: string
  readonly matched: boolean | null
  readonly contradicts: Reviewed['contradicts']
}

/** Those of the decisions that contradict others. */
export function contradictingOf(
  said: readonly Said[],
  outcomes: readonly ReviewOutcome[],
): readonly Contradicting[] {
  return outcomes.flatMap(({ matched = null, contradicts = [] }, place): Contradicting[] => {
    const pair = said[place]
    if (!pair || contradicts.length === 0) return []
    return [{ left: pair.left, right: pair.right, matched, contradicts }]
  })
}

/** With which accept each is at odds, which one counts, and how that is put right. */
export function contradictingText(contradicting: readonly Contradicting[]): string {
  return contradicting
    .flatMap((one) => [
      `the accept of ${one.left} and ${one.right} contradicts that of ${one.contradicts.map(pairText).join(', of ')}: a record has one match`,
      `${countsText([one, ...one.contradicts])}; \`syncline review undo\` takes back the one that is wrong`,
    ])
    .map((line) => `${line}\n`)
    .join('')
}

/** A record of either end may be missing yet, or be held by an accept of still another record. */
function countsText(accepts: readonly Contradicting['contradicts'][number][]): string {
  if (accepts.some(({ matched }) => matched === null))
    return 'which of them counts is known when the match is loaded'
  const matched = accepts.filter((accept) => accept.matched)
  return matched.length > 0
    ? `matched now: ${matched.map(pairText).join(', ')}`
    : 'none of them is matched now'
}

const pairText = ({ left, right }: { readonly left: string; readonly right: string }): string =>
  `${left} and ${right}`
