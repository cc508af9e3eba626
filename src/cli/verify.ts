import type { Command } from 'commander'
import { streamsOf } from '../config/source-streams.ts'
import { exitCodes } from '../runtime/exit-codes.ts'
import type { AuditReport } from '../state/audits.ts'
import { askLeader } from './ask.ts'
import { examples } from './examples.ts'
import type { NamedVerification } from '../daemon/verify-match.ts'
import type { Comparison } from '../match/verify.ts'
import type { CliSession, GlobalOptions } from './session.ts'

interface VerifyOptions extends GlobalOptions {
  readonly repair?: boolean
}

type Verified = AuditReport & { readonly repaired: boolean }

export function addVerify(program: Command, session: CliSession): void {
  program
    .command('verify [stream-or-match]')
    .summary('compare a stream with its source, or a match with a batch, while they change')
    .description(
      'Reads every row of a stream, or of all, at its source and compares it with the warehouse as of the same moment,\n' +
        'while both change. Of a match it makes records anew from the mirrors, keys, pairs and assignment from the records,\n' +
        'the matched table from both, and compares each with the live one. Exit code 1 if they differ.',
    )
    .option(
      '--repair',
      'read a stream that differs anew; build the model of a match that differs anew beside it',
    )
    .addHelpText(
      'after',
      examples(
        ['syncline verify', 'all streams'],
        ['syncline verify internal_user --repair', 'one, and mend it'],
        ['syncline verify user_match', 'a match against a batch'],
        ['syncline verify user_match --repair', 'and build it anew if it differs'],
        ['syncline verify --json | jq .extra', 'for a monitor'],
      ),
    )
    .action(async (stream: string | undefined, _options, command: Command) => {
      await verify(session, stream, command.optsWithGlobals<VerifyOptions>())
    })
}

async function verify(
  session: CliSession,
  stream: string | undefined,
  options: VerifyOptions,
): Promise<void> {
  const config = await session.loadConfig(options)
  if (config.matches.some(({ name }) => name === stream)) {
    await verifyMatch(session, stream ?? '', options)
    return
  }
  const streams = stream === undefined ? config.sources.flatMap(streamsOf).map((one) => one.stream) : [stream]
  for (const one of streams) {
    const values = { stream: one, repair: options.repair === true }
    const verified = (await askLeader(session, options, {
      kind: 'verify',
      arguments: values,
    })) as unknown as Verified
    session.print(options.json ? `${JSON.stringify(verified)}\n` : verifiedText(verified))
    const isDifferent = verified.missing + verified.different + verified.extra > 0
    if (isDifferent && !verified.repaired) session.exitCode = exitCodes.unexpected
  }
}

/**
 * Needs no leader: it compares the match with its own records as of one moment. One that differs is mended by building
 * its model anew beside it.
 */
async function verifyMatch(session: CliSession, match: string, options: VerifyOptions): Promise<void> {
  const verified = await compareMatch(session, match, options)
  if (!differs(verified)) return
  if (options.repair !== true) {
    session.exitCode = exitCodes.unexpected
    return
  }
  await askLeader(session, options, { kind: 'rebuild', arguments: { match } })
  if (differs(await compareMatch(session, match, options))) session.exitCode = exitCodes.unexpected
}

async function compareMatch(
  session: CliSession,
  match: string,
  options: VerifyOptions,
): Promise<NamedVerification> {
  const config = await session.loadConfig(options)
  const log = await session.createLogger()
  const { verifyPublishedMatch } = await import('../daemon/verify-match.ts')
  const verified = await session.untilStopped(log, (signal) =>
    verifyPublishedMatch(config, { match, log, signal }),
  )
  session.print(options.json ? `${JSON.stringify(verified)}\n` : verifiedMatchText(verified))
  return verified
}

const differs = (verified: NamedVerification): boolean =>
  Object.values(stagesOf(verified)).some(({ missing, extra, different }) => missing + extra + different > 0)

function stagesOf({
  records,
  keys,
  pairs,
  assignment,
  table,
}: NamedVerification): Record<string, Comparison> {
  return { records, keys, pairs, assignment, ...(table ? { table } : {}) }
}

function verifiedMatchText(verified: NamedVerification): string {
  const { match, model, table } = verified
  const lines = Object.entries(stagesOf(verified)).flatMap(([what, one]) => {
    const differing = one.missing + one.extra + one.different
    const counts = `${grouped.format(one.missing)} missing, ${grouped.format(one.different)} different, ${grouped.format(one.extra)} extra`
    return [
      `${what}: ${grouped.format(one.compared)} compared, ${differing === 0 ? 'all equal' : counts}`,
      ...one.sample.map((line) => `  ${line}`),
    ]
  })
  if (!table)
    lines.push(
      'table: not compared, it has the columns of another configuration until the next `syncline run`',
    )
  return [`${match}, model ${model}, each stage against a batch over the one before it`, ...lines, ''].join(
    '\n',
  )
}

const grouped = new Intl.NumberFormat('en-US')

function verifiedText({ stream, compared, missing, different, extra, sample, repaired }: Verified): string {
  const rows = `${stream}: ${grouped.format(compared)} rows compared`
  if (missing + different + extra === 0) return `${rows}, all equal\n`
  const counts = `${grouped.format(missing)} missing, ${grouped.format(different)} different, ${grouped.format(extra)} extra`
  return [
    `${rows}: ${counts}${repaired ? '; read anew' : ''}`,
    ...sample.map(({ id, kind }) => `  ${kind} ${id}`),
    '',
  ].join('\n')
}
