import type { Command } from 'commander'
import { streamsOf } from '../config/source-streams.ts'
import { exitCodes } from '../runtime/exit-codes.ts'
import type { AuditReport } from '../state/audits.ts'
import { askLeader } from './ask.ts'
import { examples } from './examples.ts'
import type { CliSession, GlobalOptions } from './session.ts'

interface VerifyOptions extends GlobalOptions {
  readonly repair?: boolean
}

type Verified = AuditReport & { readonly repaired: boolean }

export function addVerify(program: Command, session: CliSession): void {
  program
    .command('verify [stream]')
    .summary('compare a stream with its source, row by row, while both change')
    .description(
      'Reads every row of a stream, or of all, at its source and compares it with the warehouse as of the same moment,\n' +
        'while both change. Exit code 1 if they differ.',
    )
    .option('--repair', 'read a stream that differs anew')
    .addHelpText(
      'after',
      examples(
        ['syncline verify', 'all streams'],
        ['syncline verify internal_user --repair', 'one, and mend it'],
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
  const streams = stream === undefined ? config.sources.flatMap(streamsOf).map((one) => one.stream) : [stream]
  for (const one of streams) {
    const values = { stream: one, repair: options.repair === true }
    const verified = (await askLeader(session, options, {
      kind: 'verify',
      arguments: values,
    })) as unknown as Verified
    session.print(options.json ? `${JSON.stringify(verified)}\n` : verifiedText(verified))
    const differs = verified.missing + verified.different + verified.extra > 0
    if (differs && !verified.repaired) session.exitCode = exitCodes.unexpected
  }
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
