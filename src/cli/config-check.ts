import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { ConfigurationError } from '../config/problem.ts'
import { streamsOf } from '../config/source-streams.ts'
import { exitCodes } from '../runtime/exit-codes.ts'
import { examples } from './examples.ts'
import type { CliSession, GlobalOptions } from './session.ts'

export function addConfigCheck(config: Command, session: CliSession): void {
  config
    .command('check')
    .summary('list every problem of the configuration')
    .description(
      'Lists every problem of the configuration with its file:line:column. Exit code 78 if there is one.',
    )
    .addHelpText(
      'after',
      examples(
        ['syncline config check', 'syncline.yaml of this folder'],
        ['syncline config check -c prod.yaml --json', 'for an editor or a pipeline'],
      ),
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>()
      if (options.json) await checkAsJson(session, options)
      else session.print(`${options.config} is correct: ${summary(await session.loadConfig(options))}\n`)
    })
}

async function checkAsJson(session: CliSession, options: GlobalOptions): Promise<void> {
  try {
    await session.loadConfig(options)
    session.print(`${JSON.stringify({ valid: true, problems: [] })}\n`)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    session.print(`${JSON.stringify({ valid: false, problems: error.problems })}\n`)
    session.exitCode = exitCodes.configuration
  }
}

function summary({ sources, matches, views }: Config): string {
  const streams = sources.flatMap(streamsOf)
  return [
    counted(sources.length, 'source'),
    counted(streams.length, 'stream'),
    counted(matches.length, 'match', 'matches'),
    counted(views.length, 'view file'),
  ].join(', ')
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
