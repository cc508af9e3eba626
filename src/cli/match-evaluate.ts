import type { Command } from 'commander'
import { examples } from './examples.ts'
import { modelNumber } from './model-number.ts'
import type { CliSession, GlobalOptions } from './session.ts'

interface EvaluateOptions extends GlobalOptions {
  readonly truth: string
  readonly match?: string
  readonly model?: string
}

export function addMatchEvaluate(match: Command, session: CliSession): void {
  match
    .command('evaluate')
    .summary('compare a match with known pairs')
    .description(
      'Compares the published match with known pairs: precision, recall and F1 by threshold, how many true pairs\n' +
        'blocking finds at how many candidates, and what became of pairs by how their fields compare.\n\n' +
        'The file is CSV with the header left_id,right_id[,decidable]: one line for each pair of records of one\n' +
        'person, one id alone for a record without counterpart; decidable is false for people whom the data cannot\n' +
        'tell apart. Writes nothing and may run beside `syncline run`.',
    )
    .requiredOption('--truth <file>', 'the known pairs')
    .option('--match <name>', 'which match; may be left out if there is one only')
    .option('--model <number>', 'a version beside the published one, see `syncline status`')
    .addHelpText(
      'after',
      examples(
        ['syncline match evaluate --truth truth.csv', 'as a table'],
        ['syncline match evaluate --truth truth.csv --json | jq .decidable.atThreshold.f1', 'one figure'],
      ),
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<EvaluateOptions>()
      const config = await session.loadConfig(options)
      const log = await session.createLogger()
      const [{ evaluateMatch }, { evaluationJson, evaluationText }] = await Promise.all([
        import('../evaluate.ts'),
        import('./evaluation-text.ts'),
      ])
      const evaluation = await session.untilStopped(log, (signal) =>
        evaluateMatch(config, {
          truth: options.truth,
          match: options.match,
          model: modelNumber(options.model),
          log,
          signal,
        }),
      )
      session.print(options.json ? evaluationJson(evaluation) : evaluationText(evaluation))
    })
}
