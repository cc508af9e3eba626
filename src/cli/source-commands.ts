import type { Command } from 'commander'
import { askLeader } from './ask.ts'
import { examples } from './examples.ts'
import type { CliSession, GlobalOptions } from './session.ts'

/** `resync`, `pause` and `resume`: what an operator asks of a running Syncline. */
export function addSourceCommands(program: Command, session: CliSession): void {
  program
    .command('resync <stream>')
    .summary('read one stream anew while everything goes on')
    .description(
      'Reads every row of a stream anew and removes what the source has no more, without a moment in which rows are\n' +
        'missing. Done by the running Syncline; by this command if none runs. Returns when it is done.',
    )
    .addHelpText('after', examples(['syncline resync internal_user', 'after a repair at the source']))
    .action(async (stream: string, _options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>()
      await askLeader(session, options, { kind: 'resync', arguments: { stream } })
      say(session, options, { resynced: stream }, `${stream} was read anew`)
    })
  program
    .command('pause <source>')
    .summary('stop reading a source until it is resumed')
    .description(
      'Stops reading a source; what is committed stays, also over restarts. Mind how long the source keeps its log:\n' +
        'see the headroom in `syncline status`.',
    )
    .addHelpText('after', examples(['syncline pause vendor', 'while the vendor moves house']))
    .action(async (source: string, _options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>()
      await askLeader(session, options, { kind: 'pause', arguments: { source } })
      say(session, options, { paused: source }, `${source} is paused`)
    })
  program
    .command('resume <source>')
    .summary('go on reading a paused source')
    .addHelpText('after', examples(['syncline resume vendor', 'from where it stopped']))
    .action(async (source: string, _options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>()
      await askLeader(session, options, { kind: 'resume', arguments: { source } })
      say(session, options, { resumed: source }, `${source} goes on`)
    })
}

function say(session: CliSession, { json }: GlobalOptions, data: object, text: string): void {
  session.print(json ? `${JSON.stringify(data)}\n` : `${text}\n`)
}
