import type { Accuracy, Evaluation } from '../../../examples/vendor-match/evaluate.ts'

/** How good the match is, for people: in made-up data it is known who is who. */
export function accuracyLines({ decidable, all }: Evaluation): string[] {
  return [
    'The people are made up, so it is known who is who:',
    `  ${accuracyText(decidable)} - people whom name, location and specialty tell apart`,
    `  ${accuracyText(all)} - everybody`,
  ]
}

function accuracyText({ expected, found, correct, precision, recall, f1 }: Accuracy): string {
  const counts = `${correct} of ${expected} matched rightly, ${found - correct} wrongly`
  return `${counts}; precision ${share(precision)}, recall ${share(recall)}, F1 ${share(f1)}`
}

function share(value: number | null): string {
  return value === null ? 'unknown' : value.toFixed(4)
}
