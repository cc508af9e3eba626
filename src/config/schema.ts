import { z } from 'zod'
import { httpSourceSettings } from './http-source.ts'
import { matchSettings } from './match.ts'
import { mysqlSourceSettings } from './mysql-source.ts'
import { date, duration, filePath, name } from './values.ts'
import { warehouseSettings } from './warehouse.ts'

/** A new kind of source is one more member here and one more case in `config.ts`. */
export const sourceSettings = z.discriminatedUnion('type', [mysqlSourceSettings, httpSourceSettings])

const pattern = filePath.meta({ valueName: 'file pattern' })

/**
 * The shape of a configuration file. From this one schema come the types, the defaults, the JSON Schema and the
 * table of settings. What it puts out has the file's shape still, so that it can be shown; `config.ts` makes a
 * `Config` of it.
 */
export const settingsSchema = z.strictObject({
  warehouse: warehouseSettings.prefault({}),
  sources: z
    .record(name, sourceSettings)
    .refine((sources) => Object.keys(sources).length > 0, { error: 'needs at least one source' })
    .describe('Where changes come from.'),
  matches: z.record(name, matchSettings).default({}).describe('Which streams are matched with one another.'),
  views: z
    .union([pattern, z.array(pattern)])
    .default([])
    .describe('SQL files of views, applied in the order of their names; relative to this file, `*` allowed.'),
  report: filePath
    .optional()
    .describe('A SQL file with the questions that the run answers; relative to this file.'),
  deadLetters: z
    .strictObject({ retention: duration.default('90d').describe('How long closed dead letters are kept.') })
    .prefault({})
    .describe('Records that could not be taken in.'),
  matchHistory: z
    .strictObject({
      changes: duration
        .default('90d')
        .describe(
          'How long the change feed `syncline.match_change` is kept; whoever reads it must be faster.',
        ),
      intervals: duration
        .default('3650d')
        .describe('How long intervals of `syncline.match_history` are kept after their end.'),
    })
    .prefault({})
    .describe('What is kept about how matches changed.'),
  asOf: date
    .optional()
    .describe(
      'The date that counts as today; by default the current date in UTC. `SYNCLINE_AS_OF` and `--as-of` precede.',
    ),
})

export type Settings = z.output<typeof settingsSchema>
export type SourceSettings = z.output<typeof sourceSettings>
