import { Option, type Command } from 'commander'
import { exitCodes } from '../runtime/exit-codes.ts'
import { parseDemoSize, type DemoSize } from './demo-options.ts'
import { examples } from './examples.ts'
import { printReport, withProgress } from './run.ts'
import { usageError, type CliSession, type GlobalOptions } from './session.ts'

/** How often a live demo says how it is going where there is no terminal. */
const liveLogMs = 2_000

interface Options extends GlobalOptions {
  readonly size?: DemoSize
  readonly dirty?: boolean
  readonly keep?: boolean
  readonly live?: boolean
  readonly flavour?: 'mariadb' | 'mysql'
}

export function addDemo(program: Command, session: CliSession): void {
  program
    .command('demo')
    .summary('try it with throwaway servers and made-up people')
    .description(
      'Starts a throwaway MySQL or MariaDB, the API of a vendor and a Postgres, fills them with made-up people, runs\n' +
        'the snapshot, prints the report and leaves nothing running.',
    )
    .addOption(
      new Option('--size <n>', 'internal people, or internal x vendor people: 20000x3000').argParser(
        parseDemoSize,
      ),
    )
    .option('--dirty', 'with misspelt names, moved people and missing values')
    .option('--live', 'go on: both platforms change all the while, and the warehouse follows until Ctrl-C')
    .option('--keep', 'leave the warehouse running and tell how to reach it')
    .addOption(new Option('--flavour <server>', 'which server to start').choices(['mariadb', 'mysql']))
    .addHelpText(
      'after',
      examples(
        ['syncline demo', 'a small one'],
        ['syncline demo --size 100000x15000 --dirty', 'larger, with the mistakes of real data'],
        ['syncline demo --live', 'and watch the warehouse follow'],
        ['syncline demo --keep', 'and then look around with psql'],
      ),
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      if (options.live) {
        await liveDemo(session, options)
        return
      }
      const { size, dirty = false, keep = false, flavour, json } = options
      const log = await session.createLogger()
      const { runDemo } = await import('./demo/run-demo.ts')
      // Told last, where it is found: the progress ends with lines of its own.
      const notes: string[] = []
      const report = await withProgress(
        session,
        log,
        (signal, onProgress) =>
          runDemo({
            ...{ size, dirty, keep, flavour, log, signal, onProgress },
            note: (line) => notes.push(line),
          }),
        'nothing of it is left: the next demo begins anew',
      )
      await printReport(session, report, { ...(json === undefined ? {} : { json }) })
      for (const line of notes) session.note(`${line}\n`)
      if (report.deadLetters > 0) session.exitCode = exitCodes.deadLetters
    })
}

async function liveDemo(session: CliSession, options: Options): Promise<void> {
  if (options.keep) throw usageError('--keep and --live do not go together', 'leave one of them out')
  const { size, dirty = false, flavour } = options
  const log = await session.createLogger()
  const [{ runLiveDemo }, { liveLine }] = await Promise.all([
    import('./demo/run-live.ts'),
    import('./demo/live-line.ts'),
  ])
  const progress = session.createProgress(log)
  let shownMs = -Infinity
  await session.untilStopped(log, (signal) =>
    runLiveDemo(
      {
        ...{ size, dirty, flavour, log, signal },
        onProgress: (phases) => {
          progress.update(phases)
        },
        note: (line) => {
          session.note(`${line}\n`)
        },
      },
      (state) => {
        const now = session.surroundings.now()
        if (session.terminal) session.statusLine.show(liveLine(state))
        else if (now - shownMs >= liveLogMs) {
          shownMs = now
          session.print(`${liveLine(state)}\n`)
        }
      },
    ),
  )
  progress.finish()
}
