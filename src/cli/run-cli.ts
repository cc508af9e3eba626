import { CommanderError } from 'commander'
import { exitCodeOf, exitCodes, type ExitCode } from '../runtime/exit-codes.ts'
import { StoppingError } from '../runtime/errors.ts'
import { packageFile } from '../runtime/package-file.ts'
import { withCommand, withoutHelpOnNothing } from './arguments.ts'
import { createProgram } from './program.ts'
import { CliSession, usageError, type Surroundings } from './session.ts'

/** Runs one command line. Never throws: an error is printed, and its exit code returned. */
export async function runCli(surroundings: Surroundings): Promise<ExitCode> {
  const session = new CliSession(surroundings)
  try {
    const program = createProgram(session, await readVersion())
    const words = withoutHelpOnNothing(withCommand(surroundings.arguments), program)
    await program.parseAsync(words, { from: 'user' })
    return session.exitCode
  } catch (thrown) {
    const error = thrown instanceof CommanderError ? usageErrorOf(thrown) : thrown
    if (error === null) return exitCodes.ok
    if (error === helpShown) return exitCodes.usage
    await printError(session, error)
    return exitCodeOf(error)
  }
}

const helpShown = Symbol('help shown instead of a command')

/** Null when all that happened is that help or the version was asked for. */
function usageErrorOf(error: CommanderError): unknown {
  if (error.exitCode === 0) return null
  if (error.code === 'commander.help') return helpShown
  const [first = '', ...rest] = error.message.split('\n')
  const near = /\(Did you mean (.*)\?\)/.exec(rest.join(' '))?.[1]
  const message = first.replace(/^error: /, '')
  return usageError(message, near === undefined ? 'see `syncline --help`' : `did you mean ${near}?`)
}

async function printError(session: CliSession, error: unknown): Promise<void> {
  const { errorText } = await import('./error-text.ts')
  if (error instanceof StoppingError) return
  session.note(
    errorText(error, {
      terminal: session.terminal,
      debug: session.logLevel === 'debug' || session.logLevel === 'trace',
      redact: session.redact,
      now: session.surroundings.now(),
    }),
  )
}

async function readVersion(): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  const { version } = JSON.parse(await readFile(packageFile('package.json'), 'utf8')) as { version: string }
  return version
}
