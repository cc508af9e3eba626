import type { Command } from 'commander'
import { examples } from './examples.ts'
import type { CliSession, GlobalOptions } from './session.ts'

export function addConfigShow(config: Command, session: CliSession): void {
  config
    .command('show')
    .summary('print the configuration with all defaults, without secrets')
    .description(
      'Prints the configuration as it takes effect: with all defaults filled in. What comes from the environment is\n' +
        'shown as the reference to it, other secrets as ***.',
    )
    .addHelpText(
      'after',
      examples(['syncline config show', 'as YAML'], ['syncline config show --json | jq .matches', 'as JSON']),
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>()
      const [{ loadSettings }, { shownSettings }, { stringify }] = await Promise.all([
        import('../config/load.ts'),
        import('../config/secrets.ts'),
        import('yaml'),
      ])
      const loaded = loadSettings(options.config, session.surroundings.environment)
      session.redact = loaded.config.redact
      const shown = shownSettings(loaded)
      session.print(options.json ? `${JSON.stringify(shown)}\n` : stringify(shown, { lineWidth: 110 }))
    })
}
