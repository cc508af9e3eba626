import { distance } from 'fastest-levenshtein'

/** The candidate that somebody probably meant, or null when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const lower = word.toLowerCase()
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(word.length / 2)) + 1
  for (const candidate of candidates) {
    const separated = candidate.toLowerCase()
    // A word cut short (`col` for `columns`) is near, however much is missing.
    const near = lower.length >= 3 && separated.startsWith(lower) ? 1 : distance(lower, separated)
    if (near < bestDistance) {
      best = candidate
      bestDistance = near
    }
  }
  return best
}

/** `did you mean "x"?`, or the candidates when none is near. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates)
  if (near !== null) return `did you mean "${near}"?`
  return candidates.length === 0 ? 'none are known' : `known are ${candidates.join(', ')}`
}
