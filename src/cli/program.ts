import { Command, Option } from 'commander'
import { addConfig } from './config.ts'
import { addDemo } from './demo.ts'
import { addDoctor } from './doctor.ts'
import { examples } from './examples.ts'
import { addMatch } from './match.ts'
import { addExplain } from './explain.ts'
import { addMigrate } from './migrate.ts'
import { addReview } from './review.ts'
import { addRun } from './run.ts'
import { logLevels, type CliSession } from './session.ts'
import { addSourceCommands } from './source-commands.ts'
import { addStatus } from './status.ts'
import { addVerify } from './verify.ts'

const exitCodesHelp = `
\`syncline --snapshot\` is \`syncline run --snapshot\`.

Exit codes:
  0         done
  1         unexpected
  3         done, but some records are in the dead letters
  64        the command line is wrong
  69        a server is unavailable
  75        stopped, interrupted or taken over before the end: run it again
  77        permission: a password or a grant
  78        the configuration is wrong
  129, 130, 131, 143  a second signal ended it at once`

/** The commands and their options. Their work is loaded when they are called. */
export function createProgram(session: CliSession, version: string): Command {
  const { environment } = session.surroundings
  const program = new Command('syncline')
    .description(
      'Keeps a Postgres warehouse fresh from MySQL and HTTP APIs, and matches the people on both sides one-to-one.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        session.print(text)
      },
      writeErr: (text) => {
        session.note(text)
      },
      // Errors are printed where all errors are.
      outputError: () => undefined,
    })
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({ showGlobalOptions: true })
    .option('-c, --config <file>', 'configuration file', environment['SYNCLINE_CONFIG'] ?? 'syncline.yaml')
    .addOption(
      new Option('--log-level <level>', 'what is logged to stderr')
        .choices(logLevels)
        .env('SYNCLINE_LOG_LEVEL')
        .default('info'),
    )
    .option('--json', 'print data as JSON')
    .addHelpText(
      'after',
      examples(
        ['syncline demo', 'see it work, with nothing but Node'],
        ['syncline --snapshot', 'bring everything up to date once and print the report'],
        ['syncline config check', 'every problem of the configuration'],
      ),
    )
    .addHelpText('after', exitCodesHelp)
  program.hook('preAction', (_program, command) => {
    session.logLevel = command.optsWithGlobals<{ logLevel: CliSession['logLevel'] }>().logLevel
  })
  for (const add of [
    addRun,
    addDoctor,
    addStatus,
    addSourceCommands,
    addVerify,
    addExplain,
    addReview,
    addConfig,
    addMatch,
    addMigrate,
    addDemo,
  ])
    add(program, session)
  return program
}
