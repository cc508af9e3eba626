import type { Command } from 'commander'
import { examples } from './examples.ts'
import type { CliSession } from './session.ts'

export function addConfigSchema(config: Command, session: CliSession): void {
  config
    .command('schema')
    .summary('print the JSON Schema of the configuration')
    .description('Prints the JSON Schema of the configuration, from which editors take completion and help.')
    .option('--markdown', 'print the table of all settings instead, for the documentation')
    .addHelpText(
      'after',
      examples(
        ['syncline config schema > syncline.schema.json', 'then begin syncline.yaml with the line'],
        ['# yaml-language-server: $schema=syncline.schema.json', ''],
      ).trimEnd(),
    )
    .action(async ({ markdown }: { markdown?: boolean }) => {
      if (markdown) {
        const { settingsTable } = await import('../config/settings-table.ts')
        session.print(settingsTable())
        return
      }
      const { configJsonSchema } = await import('../config/json-schema.ts')
      session.print(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
    })
}
