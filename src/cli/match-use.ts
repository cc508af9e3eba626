import type { Command } from 'commander'
import { chooseMatch } from '../config/choose-match.ts'
import { askLeader } from './ask.ts'
import { examples } from './examples.ts'
import { modelNumber } from './model-number.ts'
import type { CliSession, GlobalOptions } from './session.ts'

interface UseOptions extends GlobalOptions {
  readonly match?: string
}

export function addMatchUse(match: Command, session: CliSession): void {
  match
    .command('use <model>')
    .summary('publish a model that was built beside the published one')
    .description(
      'Publishes a model as soon as every record is matched by it. The one that was published before is dropped. Nothing\n' +
        'is missing from the matched table meanwhile: the rows that differ change in one commit. Waits for it; it also\n' +
        'happens when you do not.',
    )
    .option('--match <name>', 'which match; may be left out if there is one only')
    .addHelpText('after', examples(['syncline match use 3', 'publish model 3']))
    .action(async (model: string, _options, command: Command) => {
      const options = command.optsWithGlobals<UseOptions>()
      const config = await session.loadConfig(options)
      const { name } = chooseMatch(config.matches, options.match)
      const used = await askLeader(session, options, {
        kind: 'use',
        arguments: { match: name, model: modelNumber(model) ?? null },
      })
      if (options.json) {
        session.print(`${JSON.stringify(used)}\n`)
        return
      }
      session.print(`model ${model} is published\n`)
      // A leader of an older release does not tell.
      const { setAside = [] } = used as { readonly setAside?: readonly number[] }
      for (const other of setAside) {
        session.print(
          `model ${other} was to be published when it is whole; now it is not until \`syncline match use ${other}\`, or a restart with its configuration\n`,
        )
      }
    })
}
