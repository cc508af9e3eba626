import type { Command } from 'commander'
import { addConfigCheck } from './config-check.ts'
import { addConfigSchema } from './config-schema.ts'
import { addConfigShow } from './config-show.ts'
import { examples } from './examples.ts'
import type { CliSession } from './session.ts'

export function addConfig(program: Command, session: CliSession): void {
  const config = program
    .command('config')
    .summary('check, show or describe the configuration')
    .description('Checks, shows or describes the configuration. Touches no server.')
    .addHelpText(
      'after',
      examples(
        ['syncline config check', 'every problem at once, with file:line:column'],
        ['syncline config show', 'with all defaults, without secrets'],
        ['syncline config schema > syncline.schema.json', 'for the completion of an editor'],
      ),
    )
  addConfigCheck(config, session)
  addConfigShow(config, session)
  addConfigSchema(config, session)
}
