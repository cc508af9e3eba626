import type { Command } from 'commander'
import type { NamedDiff } from '../daemon/diff-match.ts'
import type { ChangedMatch } from '../match/diff.ts'
import { examples } from './examples.ts'
import { modelNumber } from './model-number.ts'
import { bits, heldText } from './score-text.ts'
import { usageError, type CliSession, type GlobalOptions } from './session.ts'

interface DiffOptions extends GlobalOptions {
  readonly match?: string
  readonly model?: string
  readonly threshold?: string
  readonly limit?: string
}

export function addMatchDiff(match: Command, session: CliSession): void {
  match
    .command('diff')
    .summary('which matches would change, before anything does')
    .description(
      'Compares what the warehouse shows with what it would show if another model were published, or another threshold\n' +
        'were in use. Any threshold from the floor of the model on (its `review`) can be asked about; below it no pairs\n' +
        'are kept. Writes nothing and may run beside `syncline run`.',
    )
    .option('--match <name>', 'which match; may be left out if there is one only')
    .option('--model <number>', 'a version beside the published one; by default that one')
    .option('--threshold <bits>', 'a threshold; by default that of the model')
    .option('--limit <n>', 'how many changes are shown one by one', '20')
    .addHelpText(
      'after',
      examples(
        ['syncline match diff --model 3', 'what model 3 would change'],
        ['syncline match diff --threshold 4', 'what would not be matched any more at 4 bits'],
      ),
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<DiffOptions>()
      const config = await session.loadConfig(options)
      const log = await session.createLogger()
      const { diffMatch } = await import('../daemon/diff-match.ts')
      const diff = await diffMatch(config, {
        match: options.match,
        model: modelNumber(options.model),
        threshold: milliBits(options.threshold),
        limit: limitOf(options.limit),
        log,
      })
      session.print(options.json ? `${JSON.stringify(diff)}\n` : diffText(diff))
    })
}

function milliBits(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const bits = Number(text)
  if (text.trim() !== '' && Number.isFinite(bits)) return Math.round(bits * 1000)
  throw usageError(`--threshold is a number of bits, not ${text}`, 'for instance --threshold 2.5')
}

function limitOf(text: string | undefined): number {
  const limit = Number(text)
  if (Number.isInteger(limit) && limit >= 0) return limit
  throw usageError('--limit is a number from 0', 'for instance --limit 50')
}

const grouped = new Intl.NumberFormat('en-US')

export function diffText(diff: NamedDiff): string {
  const { matched, unmatched, rematched, sample } = diff
  const more = matched + unmatched + rematched - sample.length
  return [
    ...diffSummary(diff),
    ...(sample.length === 0 ? [] : ['', ...sample.map(changeText)]),
    ...(more > 0 ? [`and ${grouped.format(more)} more (--limit shows them)`] : []),
    '',
  ].join('\n')
}

/** The same in lines that only count. */
export function diffSummary(diff: NamedDiff): string[] {
  const { match, published, model, threshold, waiting, same, matched, unmatched, rematched } = diff
  const now = grouped.format(same + unmatched + rematched)
  return [
    `${match}: model ${model} at ${bits(threshold)} bits against what is published, model ${published}`,
    `${now} matches now, ${grouped.format(same + matched + rematched)} then: ${grouped.format(matched)} more, ` +
      `${grouped.format(unmatched)} no more, ${grouped.format(rematched)} with another, ${grouped.format(same)} the same`,
    ...(waiting === 0
      ? []
      : [`${grouped.format(waiting)} records still wait to be matched by model ${model}`]),
  ]
}

function changeText({ left, before, after }: ChangedMatch): string {
  const end = (one: ChangedMatch['before']): string =>
    one === null ? 'nobody' : `${one.right}${heldText(one.score)}`
  return `  ${left}: ${end(before)} -> ${end(after)}`
}
