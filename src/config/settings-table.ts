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
  const named = Object.entries(properties).map(([name, schema]) => ({
    name,
    schema,
    settings: settingsOf(name, schema, required.includes(name)),
  }))
  // A setting without settings of its own makes no section.
  const isSingle = ({ name, settings }: (typeof named)[number]): boolean => settings[0]?.path === name
  const singles = named.filter(isSingle).flatMap(({ settings }) => settings)
  const sections = named
    .filter((one) => !isSingle(one))
    .flatMap(({ name, schema }) => sectionsOf(name, schema))
  return `${[...sections, table('Others', undefined, singles)].join('\n\n')}\n`
}

/** One table a section, and one for each kind of a section that comes in several kinds. */
function sectionsOf(name: string, schema: JsonSchema): string[] {
  const item = itemOf(schema)
  const kinds = item?.oneOf
  if (!kinds) return [table(name, schema.description, settingsOf(name, schema, true))]
  return [
    `### ${name}\n\n${schema.description ?? ''}`,
    ...kinds.map((kind) => {
      const type = String(kind.properties?.['type']?.const)
      return table(`${name}.\\<name\\>, type: ${type}`, kind.description, children(`${name}.<name>`, kind))
    }),
  ]
}

function table(title: string, description: string | undefined, settings: readonly Setting[]): string {
  const rows = merged(settings).map(
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

/** Alternatives of one setting in one row, with all their types. */
function merged(settings: readonly Setting[]): Setting[] {
  const byPath = new Map<string, Setting>()
  for (const setting of settings) {
    const known = byPath.get(setting.path)
    const types = new Set([...(known?.type.split(' or ') ?? []), ...setting.type.split(' or ')])
    byPath.set(setting.path, { ...setting, type: [...types].join(' or ') })
  }
  return [...byPath.values()]
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
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const).replaceAll('"', '')}\``
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.type === 'array') return listOf(itemOf(schema))
  return typeof schema.type === 'string' ? (plainTypes[schema.type] ?? schema.type) : ''
}

const plainTypes: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  boolean: '`true` or `false`',
  object: 'map',
}

function listOf(item: JsonSchema | null): string {
  return item === null ? 'list' : `list of ${typeOf(item)}`
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
