import type { Command } from 'commander'
import { examples } from './examples.ts'
import { addMatchCalibrate } from './match-calibrate.ts'
import { addMatchDiff } from './match-diff.ts'
import { addMatchEvaluate } from './match-evaluate.ts'
import { addMatchUse } from './match-use.ts'
import type { CliSession } from './session.ts'

export function addMatch(program: Command, session: CliSession): void {
  const match = program
    .command('match')
    .summary('judge a match, and make a better one')
    .description(
      'Judges a match by what is known to be true, learns weights from the data, and tells what they would change.',
    )
    .addHelpText(
      'after',
      examples(
        ['syncline match evaluate --truth truth.csv', 'how accurate it is, and where it fails'],
        ['syncline match calibrate', 'learn weights from the data'],
        ['syncline match diff --model 3', 'what the model with them would change'],
        ['syncline match use 3', 'publish it'],
      ),
    )
  addMatchEvaluate(match, session)
  addMatchCalibrate(match, session)
  addMatchDiff(match, session)
  addMatchUse(match, session)
}
