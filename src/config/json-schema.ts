import { z } from 'zod'
import { settingsSchema } from './schema.ts'

/** JSON Schema, as far as it is used here. */
export interface JsonSchema {
  type?: string | string[]
  description?: string
  default?: unknown
  const?: unknown
  enum?: unknown[]
  pattern?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema | boolean
  prefixItems?: JsonSchema[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  /** What a value of this kind is called in the table of settings. */
  valueName?: string
  [keyword: string]: unknown
}

const reference: JsonSchema = { type: 'string', pattern: '\\$\\{[A-Za-z_]' }

/** The JSON Schema (draft 2020-12) of a configuration file as it is written, for editors and other tools. */
export function configJsonSchema(): JsonSchema {
  const schema = toJsonSchema({ references: true })
  return {
    $schema: schema['$schema'],
    title: 'Syncline configuration',
    ...schema,
  }
}

/** `references`: whether `${VAR}` is accepted where a number, a truth value or a text of some form is expected. */
export function toJsonSchema({ references }: { references: boolean }): JsonSchema {
  return z.toJSONSchema(settingsSchema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    override: ({ jsonSchema, path }) => {
      const schema = jsonSchema as JsonSchema
      withShorthand(schema)
      if (!references) return
      delete schema.valueName
      // Keys are taken as they stand.
      if (path.at(-1) !== 'propertyNames' && takesNoReference(schema)) nest(schema, [reference])
    },
  }) as JsonSchema
}

/** What a preprocessing step accepts besides, which a schema states as `shorthand`. */
function withShorthand(schema: JsonSchema): void {
  const { shorthand } = schema
  if (typeof shorthand !== 'object') return
  delete schema['shorthand']
  nest(schema, [shorthand as JsonSchema])
}

function takesNoReference({ type, pattern, enum: values, format }: JsonSchema): boolean {
  if (type === 'number' || type === 'integer' || type === 'boolean') return true
  return values !== undefined || (type === 'string' && (pattern !== undefined || format !== undefined))
}

/** Makes `schema` one of several alternatives, its description and default staying outside. */
function nest(schema: JsonSchema, alternatives: readonly JsonSchema[]): void {
  const outside = new Set(['description', 'default', 'valueName'])
  const inner: JsonSchema = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (outside.has(keyword)) continue
    inner[keyword] = value
    Reflect.deleteProperty(schema, keyword)
  }
  schema.anyOf = [inner, ...alternatives]
}
