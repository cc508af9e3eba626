import type { Command } from 'commander'
import { examples } from './examples.ts'
import type { CliSession, GlobalOptions } from './session.ts'

export function addMigrate(program: Command, session: CliSession): void {
  program
    .command('migrate')
    .summary('bring the state schema up to date')
    .description(
      'Applies what is missing of the state schema `syncline` and nothing else. `run` does this by itself: the\n' +
        'command is for those who let another role do it.',
    )
    .addHelpText(
      'after',
      examples(
        ['syncline migrate', 'with syncline.yaml of this folder'],
        ['WAREHOUSE_URL=postgres://… syncline migrate', 'as another role'],
      ),
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>()
      const config = await session.loadConfig(options)
      const log = await session.createLogger()
      const { migrate } = await import('../daemon/open-warehouse.ts')
      const { applied, version } = await session.untilStopped(log, () => migrate(config, { log }))
      session.print(
        options.json
          ? `${JSON.stringify({ version, applied })}\n`
          : [
              ...applied.map((name) => `applied ${name}`),
              `the state schema is at version ${version}`,
              '',
            ].join('\n'),
      )
    })
}
