import { z } from 'zod'
import { modelShape, type ModelDefinition } from '../match/definition.ts'
import { columnName, name, text } from './values.ts'

const joinText = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*([A-Za-z_][A-Za-z0-9_]*)\s*$/
const fieldText = /^(?:([a-z_][a-z0-9_]*)\.)?([A-Za-z_][A-Za-z0-9_]*)$/

const side = z.strictObject({
  stream: name.describe('The stream whose records are matched.'),
  prefix: name
    .optional()
    .describe('What this side’s columns of the matched table begin with; by default the stream.'),
  join: z
    .record(name, z.string().regex(joinText, 'must be `own column = column of the joined stream`'))
    .default({})
    .describe('Other stream → `own column = its key column`, to take fields from.'),
  fields: z
    .record(columnName, z.string().regex(fieldText, 'must be a column, or joined_stream.column'))
    .refine((fields) => Object.keys(fields).length > 0, { error: 'needs at least one field' })
    .describe('Field → the column it comes from, or `joined_stream.column`.'),
})

export const matchSettings = z
  .strictObject({
    description: text.optional().describe('What a row is, in an analyst’s words, for `comment on table`.'),
    left: side.describe('One side; its values are shown first.'),
    right: side.describe('The other side.'),
    single: z
      .array(columnName)
      .default([])
      .describe(
        'Fields that the matched table shows once: the left value, or the right one where that is missing.',
      ),
    ...modelShape,
    activity: z
      .strictObject({
        column: columnName.describe('The field of both sides that holds the date of the last activity.'),
        days: z
          .number()
          .int()
          .min(0)
          .max(36_500)
          .default(30)
          .describe('Active: that many days ago, or later.'),
      })
      .optional()
      .describe('Adds `…_active` to each side.'),
  })
  .refine((match) => match.review <= match.threshold, {
    error: 'must not be above threshold',
    path: ['review'],
  })
  .describe('Two streams, matched one-to-one; the name is that of the warehouse table.')

export type MatchSettings = z.output<typeof matchSettings>

export interface JoinConfig {
  readonly stream: string
  readonly column: string
  readonly joinedColumn: string
}

/** Where a field comes from: a column of the side's own stream or of a joined one. */
export interface FieldConfig {
  readonly stream: string
  readonly column: string
}

export interface SideConfig {
  readonly stream: string
  readonly prefix: string
  readonly joins: readonly JoinConfig[]
  /** In the order of the file. */
  readonly fields: Readonly<Record<string, FieldConfig>>
}

export interface MatchConfig {
  readonly name: string
  readonly description: string
  readonly left: SideConfig
  readonly right: SideConfig
  readonly single: readonly string[]
  readonly model: ModelDefinition
  readonly activity: { readonly field: string; readonly days: number } | null
}

export function matchConfig(match: string, settings: MatchSettings): MatchConfig {
  const { description, left, right, single, activity, ...model } = settings
  return {
    name: match,
    description: description ?? `People of ${left.stream} and ${right.stream}, matched one-to-one.`,
    left: sideConfig(left),
    right: sideConfig(right),
    single,
    model,
    activity: activity ? { field: activity.column, days: activity.days } : null,
  }
}

export function sideConfig({ stream, prefix, join, fields }: MatchSettings['left']): SideConfig {
  return {
    stream,
    prefix: prefix ?? stream,
    joins: Object.entries(join).map(([joined, on]) => {
      const [, column = '', joinedColumn = ''] = joinText.exec(on) ?? []
      return { stream: joined, column, joinedColumn }
    }),
    fields: Object.fromEntries(
      Object.entries(fields).map(([field, from]) => {
        const [, joined = stream, column = ''] = fieldText.exec(from) ?? []
        return [field, { stream: joined, column }]
      }),
    ),
  }
}
