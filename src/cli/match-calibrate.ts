import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Json } from '../changes/ledger.ts'
import { chooseMatch } from '../config/choose-match.ts'
import type { NamedDiff } from '../daemon/diff-match.ts'
import { askLeader } from './ask.ts'
import { calibrationText } from './calibration-text.ts'
import { examples } from './examples.ts'
import { diffSummary } from './match-diff.ts'
import { checkWritable, writeOutput } from './write-file.ts'
import { usageError, type CliSession, type GlobalOptions } from './session.ts'

interface CalibrateOptions extends GlobalOptions {
  readonly match?: string
  readonly dryRun?: boolean
  readonly output?: string
  readonly from?: string
}

export function addMatchCalibrate(match: Command, session: CliSession): void {
  match
    .command('calibrate')
    .summary('learn weights from the data, as a model beside the published one')
    .description(
      'Learns from the records of the published match: how common names are, how often fields agree by chance (from\n' +
        'random pairs), and how often they agree when two records are one person (by EM, from the pairs of one blocking\n' +
        'rule after the other). What it learns becomes a model of its own, built and kept up to date beside the published\n' +
        'one. `match evaluate --model N` and `match diff --model N` judge it, `match use N` publishes it. It lasts until the\n' +
        'match section of the configuration changes; a file keeps what was learnt for longer.',
    )
    .option('--match <name>', 'which match; may be left out if there is one only')
    .option('--dry-run', 'only tell what is learnt')
    .option('--output <file>', 'also write what is learnt to a file')
    .option('--from <file>', 'take what was learnt from a file instead')
    .addHelpText(
      'after',
      examples(
        ['syncline match calibrate', 'learn, and build a model with it'],
        ['syncline match calibrate --dry-run', 'only look'],
        ['syncline match calibrate --from weights.json', 'the same model again, in another warehouse'],
      ),
    )
    .action(async (_options, command: Command) => {
      await calibrate(session, command.optsWithGlobals<CalibrateOptions>())
    })
}

async function calibrate(session: CliSession, options: CalibrateOptions): Promise<void> {
  const config = await session.loadConfig(options)
  const { name } = chooseMatch(config.matches, options.match)
  if (options.output !== undefined) await checkWritable(options.output)
  const learnt = options.from === undefined ? await learn(session, options) : await readLearnt(options.from)
  if (options.output !== undefined)
    await writeOutput(options.output, `${JSON.stringify(learnt.calibration)}\n`)
  if (options.dryRun === true) {
    session.print(options.json ? `${JSON.stringify(learnt.report)}\n` : learnt.text)
    return
  }
  const built = (await askLeader(session, options, {
    kind: 'calibrated',
    arguments: { match: name, calibration: learnt.calibration },
  })) as { readonly model: number }
  const { diffMatch } = await import('../daemon/diff-match.ts')
  const log = await session.createLogger()
  const diff = await diffMatch(config, { match: name, model: built.model, limit: 0, log })
  session.print(
    options.json
      ? `${JSON.stringify({ ...learnt.report, built: built.model, diff })}\n`
      : `${learnt.text}${builtText(diff)}`,
  )
}

/** What is learnt again is no model of its own: the one that has it may be the published one. */
function builtText(diff: NamedDiff): string {
  const { model, published } = diff
  if (model === published) return `model ${model} has these weights already, and is published\n`
  return [
    `model ${model} is built with it, and not published`,
    ...diffSummary(diff),
    `\`syncline match diff --model ${model}\` shows which, \`syncline match use ${model}\` publishes it`,
    '',
  ].join('\n')
}

interface Learnt {
  readonly calibration: Json
  readonly report: object
  readonly text: string
}

async function learn(session: CliSession, options: CalibrateOptions): Promise<Learnt> {
  const config = await session.loadConfig(options)
  const log = await session.createLogger()
  const { calibrateMatch } = await import('../daemon/calibrate-match.ts')
  const report = await session.untilStopped(log, (signal) =>
    calibrateMatch(config, { match: options.match, log, signal }),
  )
  return { calibration: report.calibration as unknown as Json, report, text: calibrationText(report) }
}

async function readLearnt(file: string): Promise<Learnt> {
  const { calibrationDocument } = await import('../match/calibrate/calibration.ts')
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw usageError(`${file} cannot be read: ${String(error)}`, 'name a file that `--output` wrote')
  })
  const read = calibrationDocument.safeParse(parsed(text))
  if (!read.success) {
    const [issue] = read.error.issues
    throw usageError(
      `${file} is no calibration: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
      'name a file that `--output` wrote',
    )
  }
  return { calibration: read.data as unknown as Json, report: {}, text: '' }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
