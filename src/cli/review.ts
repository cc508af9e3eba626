import type { Command } from 'commander'
import { chooseMatch } from '../config/choose-match.ts'
import { askLeader, requester } from './ask.ts'
import { examples } from './examples.ts'
import { readDecisions, type DecisionLine } from './decision-lines.ts'
import {
  contradictingOf,
  contradictingText,
  outcomeText,
  reviewListText,
  type Contradicting,
  type ReviewOutcome,
} from './review-text.ts'
import { usageError, type CliSession, type GlobalOptions } from './session.ts'

interface ReviewOptions extends GlobalOptions {
  readonly match?: string
  readonly reason?: string
  readonly by?: string
  readonly limit?: string
}

/** Decisions that travel in one command. */
const decisionsPerCommand = 500

/** `review list|accept|reject|undo|export|import`: a reviewer's word about pairs. */
export function addReview(program: Command, session: CliSession): void {
  const review = program
    .command('review')
    .summary('say of pairs whether they are one person')
    .description(
      'A reviewer’s word counts above every score: accepted pairs are matched, rejected ones never are. It stays when\n' +
        'records change, are read anew, or the model does, and can be taken back.',
    )
  const withMatch = (command: Command): Command =>
    command.option('--match <name>', 'which match; may be left out if there is one only')
  withMatch(review.command('list'))
    .summary('the pairs about which your word would tell most')
    .option('--limit <n>', 'how many', '20')
    .addHelpText('after', examples(['syncline review list', 'the twenty most doubtful pairs']))
    .action(async (_options, command: Command) => {
      await list(session, command.optsWithGlobals<ReviewOptions>())
    })
  const verdicts = [
    ['accept', 'must', 'they are the same person'],
    ['reject', 'cannot', 'they are not the same person'],
    ['undo', null, 'take back what was said of a pair'],
  ] as const
  for (const [name, verdict, summary] of verdicts) {
    const said = withMatch(review.command(`${name} <left> <right>`)).summary(summary)
    // Of what is taken back it is kept who did and when, no more.
    if (verdict !== null) said.option('--reason <text>', 'why, for whoever reads it later')
    said
      .option('--by <name>', 'who says so; by default you')
      .addHelpText('after', examples([`syncline review ${name} 105 53206`, summary]))
      .action(async (left: string, right: string, _options, command: Command) => {
        const options = command.optsWithGlobals<ReviewOptions>()
        const [outcome] = await decide(session, options, [
          { left, right, verdict, reason: options.reason ?? null },
        ])
        session.print(
          options.json ? `${JSON.stringify(outcome)}\n` : outcomeText({ left, right, verdict }, outcome),
        )
      })
  }
  withMatch(review.command('export'))
    .summary('print the standing decisions, one JSON object a line')
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<ReviewOptions>()
      const config = await session.loadConfig(options)
      const log = await session.createLogger()
      const { exportDecisions } = await import('../daemon/review-match.ts')
      await exportDecisions(config, {
        ...named(options),
        log,
        take: (decisions) => {
          session.print(decisions.map((one) => `${JSON.stringify(one)}\n`).join(''))
        },
      })
    })
  withMatch(review.command('import <file>'))
    .summary('take over decisions that were exported')
    .option('--by <name>', 'who says so; by default who is named in the file')
    .action(async (file: string, _options, command: Command) => {
      const options = command.optsWithGlobals<ReviewOptions>()
      const lines = await readDecisions(file)
      let changed = 0
      const contradicting: Contradicting[] = []
      for (let from = 0; from < lines.length; from += decisionsPerCommand) {
        const said = lines.slice(from, from + decisionsPerCommand)
        const outcomes = await decide(session, options, said)
        changed += outcomes.filter((outcome) => outcome.changed).length
        contradicting.push(...contradictingOf(said, outcomes))
      }
      const counts = { read: lines.length, changed, contradicting }
      session.print(
        options.json
          ? `${JSON.stringify(counts)}\n`
          : `${lines.length} decisions read, ${changed} were new\n${contradictingText(contradicting)}`,
      )
    })
}

async function list(session: CliSession, options: ReviewOptions): Promise<void> {
  const limit = Number(options.limit)
  if (!Number.isInteger(limit) || limit < 1)
    throw usageError('--limit is a number from 1', 'for instance --limit 50')
  const config = await session.loadConfig(options)
  const log = await session.createLogger()
  const { reviewList } = await import('../daemon/review-match.ts')
  const pairs = await reviewList(config, { ...named(options), limit, log })
  session.print(
    options.json ? pairs.map((pair) => `${JSON.stringify(pair)}\n`).join('') : reviewListText(pairs),
  )
}

async function decide(
  session: CliSession,
  options: ReviewOptions,
  reviews: readonly DecisionLine[],
): Promise<ReviewOutcome[]> {
  const config = await session.loadConfig(options)
  const { name } = chooseMatch(config.matches, options.match)
  const by = options.by ?? requester()
  // Who is named here comes before who is named in a file.
  const said = options.by === undefined ? {} : { by }
  const result = await askLeader(session, options, {
    kind: 'review',
    arguments: { match: name, by, reviews: reviews.map((one) => ({ ...one, ...said })) },
  })
  return result as unknown as ReviewOutcome[]
}

const named = ({ match }: ReviewOptions): { match?: string } => (match === undefined ? {} : { match })
