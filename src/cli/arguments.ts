/** Options that take the word after them. */
const withValue = new Set(['-c', '--config', '--log-level', '--as-of', '--output'])

/** `syncline --snapshot …` is `syncline run --snapshot …`. */
export function withCommand(words: readonly string[]): readonly string[] {
  for (let place = 0; place < words.length; place++) {
    const word = words[place] ?? ''
    if (word === '--' || !word.startsWith('-')) return words
    if (word === '--snapshot') return ['run', ...words]
    if (withValue.has(word)) place++
  }
  return words
}
