import type { Command } from 'commander'
import { setTimeout as delay } from 'node:timers/promises'
import { OperatorError } from '../runtime/errors.ts'
import { examples } from './examples.ts'
import type { CliSession, GlobalOptions } from './session.ts'

interface StatusOptions extends GlobalOptions {
  readonly watch?: boolean
}

const watchMs = 1_000

export function addStatus(program: Command, session: CliSession): void {
  program
    .command('status')
    .summary('how every source and match is doing')
    .description(
      'Shows who leads, and for each source its state, position, lag, last commit and how long the source still keeps\n' +
        'what has not been read. Takes part in nothing and may be asked at any time.',
    )
    .option('--watch', 'show it again every second until Ctrl-C')
    .addHelpText(
      'after',
      examples(
        ['syncline status', 'once'],
        ['syncline status --watch', 'again and again'],
        ['syncline status --json | jq .sources[].lagMs', 'for a monitor'],
      ),
    )
    .action(async (_options, command: Command) => {
      await showStatus(session, command.optsWithGlobals<StatusOptions>())
    })
}

async function showStatus(session: CliSession, options: StatusOptions): Promise<void> {
  const config = await session.loadConfig(options)
  const log = await session.createLogger()
  const [{ StatusReader }, { statusText }] = await Promise.all([
    import('../daemon/status.ts'),
    import('./status-text.ts'),
  ])
  const reader = await StatusReader.open(config, log)
  try {
    await session.untilStopped(log, async (signal) => {
      do {
        const status = await reader.read()
        if (status === null) {
          throw new OperatorError({
            area: 'configuration',
            code: 'no-state',
            message: 'this warehouse holds nothing of Syncline yet',
            hint: 'run `syncline run` or `syncline run --snapshot` first',
          })
        }
        // Above what was shown before, on a terminal.
        const home = options.watch && session.surroundings.stdout.isTTY === true ? '\u001b[2J\u001b[H' : ''
        session.print(home + (options.json ? `${JSON.stringify(status)}\n` : statusText(status)))
        if (options.watch) await delay(watchMs, undefined, { signal }).catch(() => undefined)
      } while (options.watch && !signal.aborted)
    })
  } finally {
    await reader.close()
  }
}
