import type { Command } from 'commander'

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

/** Asked for help on a command that is none, commander would print that of the one above it and call it done. */
export function withoutHelpOnNothing(words: readonly string[], program: Command): readonly string[] {
  let command = program
  for (let place = 0; place < words.length; place++) {
    const word = words[place] ?? ''
    if (withValue.has(word)) place++
    if (word.startsWith('-')) continue
    if (word === 'help' || command.commands.length === 0) return words
    const next = command.commands.find((known) => known.name() === word)
    if (next === undefined) return words.filter((other) => other !== '--help' && other !== '-h')
    command = next
  }
  return words
}
