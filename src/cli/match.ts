import type { Command } from 'commander'
import { examples } from './examples.ts'
import { addMatchEvaluate } from './match-evaluate.ts'
import type { CliSession } from './session.ts'

export function addMatch(program: Command, session: CliSession): void {
  const match = program
    .command('match')
    .summary('judge a match')
    .description('Judges a match by what is known to be true.')
    .addHelpText(
      'after',
      examples(['syncline match evaluate --truth truth.csv', 'how accurate it is, and where it fails']),
    )
  addMatchEvaluate(match, session)
}
