import type { ReviewCandidate } from '../match/review-list.ts'
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
