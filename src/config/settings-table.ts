import { toJsonSchema, type JsonSchema } from './json-schema.ts'

interface Setting {
  readonly path: string
  readonly type: string
  readonly presence: string
  readonly description: string
}

/** Markdown tables of all settings, made from the schema alone. */
export function settingsTable(): string {
  const { properties = {}, required = [] } = toJsonSchema({ references: false })
  const sections = Object.entries(properties).flatMap(([name, schema]) =>
    sectionsOf(name, schema, required.includes(name)),
  )
  return `${sections.join('\n\n')}\n`
}

/** One table a section, and one for each kind of a section that comes in several kinds. */
function sectionsOf(name: string, schema: JsonSchema, required: boolean): string[] {
  const item = itemOf(schema)
  const kinds = item?.oneOf
  if (!kinds) return [table(name, schema.description, settingsOf(name, schema, required))]
  return [
    `### ${name}\n\n${schema.description ?? ''}`,
    ...kinds.map((kind) => {
      const type = String(kind.properties?.['type']?.const)
      return table(`${name}.\\<name\\>, type: ${type}`, kind.description, children(`${name}.<name>`, kind))
    }),
  ]
}

function table(title: string, description: string | undefined, settings: readonly Setting[]): string {
  const rows = [...new Map(settings.map((setting) => [setting.path, setting])).values()].map(
    ({ path, type, presence, description: text }) =>
      `| \`${path}\` | ${type} | ${presence} | ${cell(text)} |`,
  )
  return [
    `### ${title}`,
    '',
    ...(description === undefined ? [] : [description, '']),
    '| Setting | Value | Default | Meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function settingsOf(path: string, schema: JsonSchema, required: boolean): Setting[] {
  const nested = children(path, schema)
  const own: Setting = {
    path,
    type: cell(typeOf(schema)),
    presence: required ? '**required**' : defaultOf(schema),
    description: schema.description ?? '',
  }
  // A plain section is explained above its table.
  return nested.length > 0 && !path.includes('.') ? nested : [own, ...nested]
}

function children(path: string, schema: JsonSchema): Setting[] {
  const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((one) =>
    children(path, one),
  )
  const item = itemOf(schema)
  const items = item === null ? [] : itemsOf(`${path}${schema.type === 'array' ? '[]' : '.<name>'}`, item)
  const { required = [] } = schema
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const settings = settingsOf(`${path}.${name}`, property, required.includes(name))
    // All levels of agreement take the same settings.
    return settings.map((setting) => ({
      ...setting,
      path: setting.path.replace(/(\.levels)\.\w+\./, '$1.<level>.'),
    }))
  })
  return [...alternatives, ...items, ...own]
}

/** What a list or a map holds, when that is worth rows of its own. */
function itemsOf(path: string, item: JsonSchema): Setting[] {
  const nested = children(path, item)
  const described = item.description !== undefined && path.endsWith('>')
  return described
    ? settingsOf(path, item, true).map((row) => (row.path === path ? { ...row, presence: '' } : row))
    : nested
}

function itemOf(schema: JsonSchema): JsonSchema | null {
  const item = schema.type === 'array' ? schema.items : schema.additionalProperties
  return typeof item === 'object' ? item : null
}

function typeOf(schema: JsonSchema): string {
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives) return [...new Set(alternatives.map(typeOf))].join(' or ')
  if (schema.valueName !== undefined) return schema.valueName
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  switch (schema.type) {
    case 'string':
      return 'text'
    case 'integer':
      return 'whole number'
    case 'boolean':
      return '`true` or `false`'
    case 'array':
      return itemOf(schema) === null ? 'list' : `list of ${typeOf(itemOf(schema) ?? {})}`
    case 'object':
      return 'map'
    default:
      return typeof schema.type === 'string' ? schema.type : ''
  }
}

function defaultOf({ default: value }: JsonSchema): string {
  if (value === undefined || isEmpty(value)) return ''
  const text = JSON.stringify(value)
  // A long one is described in words, and shown by `config show`.
  return text.length > 40 ? 'see `syncline config show`' : `\`${typeof value === 'string' ? value : text}\``
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
