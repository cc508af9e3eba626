import { join } from 'node:path'
import { Option, type Command } from 'commander'
import type { Config } from '../config/config.ts'
import type { Logger } from '../runtime/logger.ts'
import type { SnapshotReport } from '../daemon/snapshot-run.ts'
import { StoppingError, TransientError } from '../runtime/errors.ts'
import { exitCodes } from '../runtime/exit-codes.ts'
import { examples } from './examples.ts'
import type { RunOptions } from './run-options.ts'
import { usageError, type CliSession } from './session.ts'

export function addRun(program: Command, session: CliSession): void {
  program
    .command('run')
    .summary('keep the warehouse fresh; with --snapshot once')
    .description(
      'Keeps the warehouse up to date with all sources until it is stopped; a second one waits as its standby. With\n' +
        '--snapshot: once, then prints the report and ends. `syncline --snapshot` is the same.',
    )
    .option('--snapshot', 'bring everything up to date once, print the report, end')
    .addOption(
      new Option('--as-of <date>', 'the date that counts as today, for instance 2017-02-02').argParser(
        parseDate,
      ),
    )
    .option(
      '--prune',
      'begin by dropping tables of the warehouse whose stream is not configured any more or has another key',
    )
    .option('--output <file>', 'write the report to this file as well')
    .option('--keep', 'leave the embedded warehouse running and tell how to reach it')
    .addHelpText(
      'after',
      examples(
        ['syncline run', 'until it is stopped: kill -TERM ends it, kill -HUP reads the configuration again'],
        ['syncline run --snapshot', 'everything once, then the report'],
        ['syncline --snapshot --as-of 2017-02-02', 'the same, as if it were that day'],
        ['syncline --snapshot --output report.txt', 'the report also as a file'],
        ['syncline run --prune', 'also drops tables that no source keeps fresh any more'],
        ['syncline --snapshot --keep', 'and then look around with psql'],
        ['syncline --snapshot --json | jq .matches[0].total', 'the report as JSON'],
      ),
    )
    .action(async (_options, command: Command) => {
      await run(session, command.optsWithGlobals<RunOptions>())
    })
}

async function run(session: CliSession, options: RunOptions): Promise<void> {
  if (options.snapshot) await runOnce(session, options)
  else await (await import('./follow.ts')).follow(session, options)
}

async function runOnce(session: CliSession, options: RunOptions): Promise<void> {
  const config = await session.loadConfig(options, { asOf: options.asOf })
  if (options.output !== undefined) await (await import('./write-file.ts')).checkWritable(options.output)
  const keepWarehouse = options.keep === true
  if (keepWarehouse && config.warehouse.kind === 'server') {
    throw usageError(
      '--keep is for the embedded warehouse, and this configuration names a Postgres of its own',
      'leave --keep out: that server runs on anyway',
    )
  }
  const log = await session.createLogger()
  const { runSnapshot } = await import('../daemon/snapshot-run.ts')
  const asOf = config.asOf === null ? {} : { asOf: config.asOf }
  try {
    const report = await withProgress(session, log, (signal, onProgress) =>
      runSnapshot(config, { log, signal, onProgress, keepWarehouse, prune: options.prune === true, ...asOf }),
    )
    await printReport(session, report, options)
    if (report.deadLetters > 0) session.exitCode = exitCodes.deadLetters
  } finally {
    // It stays after a failure too, and then it must be known how to end it.
    if (keepWarehouse) await tellOfWarehouse(session, config)
  }
}

async function tellOfWarehouse(session: CliSession, { directory, warehouse }: Config): Promise<void> {
  const [{ runningWarehouse }, { keptLines }] = await Promise.all([
    import('../state/embedded-postgres/warehouse-file.ts'),
    import('./kept-warehouse.ts'),
  ])
  const running = await runningWarehouse(join(directory, '.syncline'))
  if (!running) return
  for (const line of keptLines({ ...running, schema: warehouse.schema })) session.note(`${line}\n`)
}

type OnProgress = ReturnType<CliSession['createProgress']>['update']

/** Long work with its progress shown. Stopped before its end it is not done: it fails as something to try again. */
export async function withProgress<T>(
  session: CliSession,
  log: Logger,
  work: (signal: AbortSignal, onProgress: OnProgress) => Promise<T>,
  hintWhenStopped = 'run again: it goes on from the last commit',
): Promise<T> {
  const progress = session.createProgress(log)
  try {
    return await session.untilStopped(log, async (signal) => {
      try {
        return await work(signal, (phases) => {
          progress.update(phases)
        })
      } catch (error) {
        if (!signal.aborted && !(error instanceof StoppingError)) throw error
        throw new TransientError({
          code: 'stopped-early',
          message: 'stopped before everything was up to date',
          hint: hintWhenStopped,
          ...(error instanceof StoppingError || error === signal.reason ? {} : { cause: error }),
        })
      }
    })
  } finally {
    progress.finish()
  }
}

/** The report to stdout and the file, what else there is to know to stderr. */
export async function printReport(
  session: CliSession,
  report: SnapshotReport,
  { json, output }: Pick<RunOptions, 'json' | 'output'>,
): Promise<void> {
  const { reportJson, reportNotes, reportText } = await import('./report.ts')
  const text = json ? reportJson(report) : reportText(report)
  session.print(text)
  if (output !== undefined) await (await import('./write-file.ts')).writeOutput(output, text)
  const log = await session.createLogger()
  for (const note of reportNotes(report)) log.warn(note)
}

function parseDate(text: string): string {
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))
  if (!isDate || new Date(text).toISOString().slice(0, 10) !== text) {
    throw usageError('--as-of takes a date', 'write it as 2017-02-02')
  }
  return text
}
