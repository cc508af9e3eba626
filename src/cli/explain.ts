import type { Command } from 'commander'
import { examples } from './examples.ts'
import type { CliSession, GlobalOptions } from './session.ts'

interface ExplainOptions extends GlobalOptions {
  readonly match?: string
}

export function addExplain(program: Command, session: CliSession): void {
  program
    .command('explain <left> [right]')
    .summary('why two records are matched or not')
    .description(
      'Tells why two records are matched or not: both as normalised, the blocking keys they share, what each field\n' +
        'brings to the score, and the rivals on both sides. Without the right record, the match of the left one is\n' +
        'explained, or its best pair. Ids are the keys of the records. Writes nothing.',
    )
    .option('--match <name>', 'which match; may be left out if there is one only')
    .addHelpText(
      'after',
      examples(
        ['syncline explain 105', 'who user 105 is at the vendor, and why'],
        ['syncline explain 105 53206 --json', 'one pair, for a program'],
      ),
    )
    .action(async (left: string, right: string | undefined, _options, command: Command) => {
      const options = command.optsWithGlobals<ExplainOptions>()
      const config = await session.loadConfig(options)
      const log = await session.createLogger()
      const [{ explainMatch }, { explanationText }] = await Promise.all([
        import('../daemon/explain-match.ts'),
        import('./explanation-text.ts'),
      ])
      const explanation = await explainMatch(config, {
        ...(options.match === undefined ? {} : { match: options.match }),
        ...(right === undefined ? {} : { right }),
        left,
        log,
      })
      session.print(options.json ? `${JSON.stringify(explanation)}\n` : explanationText(explanation))
    })
}
