import type { Command } from 'commander'
import type { Finding } from '../daemon/doctor.ts'
import { exitCodes } from '../runtime/exit-codes.ts'
import { examples } from './examples.ts'
import type { CliSession, GlobalOptions } from './session.ts'

interface DoctorOptions extends GlobalOptions {
  readonly fix?: boolean
}

export function addDoctor(program: Command, session: CliSession): void {
  program
    .command('doctor')
    .summary('everything that keeps `run` from working, with its cure')
    .description(
      'Asks every source and the warehouse for all that is missing, at once, and names the exact statement that cures\n' +
        'it on that server. Changes nothing. Exit code 78 if something keeps `run` from working.',
    )
    .option('--fix', 'print the cures as a script, to be read and run by whoever may')
    .addHelpText(
      'after',
      examples(
        ['syncline doctor', 'before the first run, and when something is wrong'],
        ['syncline doctor --fix > cures.sql', 'for the administrator of the database'],
      ),
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<DoctorOptions>()
      const config = await session.loadConfig(options)
      const log = await session.createLogger()
      const { examine } = await import('../daemon/doctor.ts')
      const findings = await session.untilStopped(log, (signal) => examine(config, { log, signal }))
      session.print(
        options.json ? findingsJson(findings) : options.fix ? script(findings) : findingsText(findings),
      )
      if (findings.some(({ severity }) => severity === 'fatal')) session.exitCode = exitCodes.configuration
    })
}

function findingsText(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'all is well\n'
  return findings
    .map(({ where, severity, code, message, cure }) => {
      const mark = severity === 'fatal' ? 'error  ' : 'warning'
      return `${mark}  ${where}: ${message} (${code})\n         ${cure.replaceAll('\n', '\n         ')}\n`
    })
    .join('')
}

function findingsJson(findings: readonly Finding[]): string {
  const shown = findings.map(({ where, severity, code, message, cure }) => ({
    where,
    severity,
    code,
    message,
    cure,
  }))
  return `${JSON.stringify(shown)}\n`
}

/** Statements as they are, anything else as a comment: what the script can do it does, the rest it says. */
function script(findings: readonly Finding[]): string {
  const comment = (text: string): string => text.replaceAll(/^/gm, '-- ')
  return findings
    .map(({ where, message, cure }) => {
      const runs = /^(grant|set|alter|create)\b[^]*;$/i.test(cure)
      return `${comment(`${where}: ${message}`)}\n${runs ? cure : comment(cure)}\n`
    })
    .join('\n')
}
