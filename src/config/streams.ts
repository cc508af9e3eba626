import type { SettingPath } from './setting-path.ts'

/** A stream that some source feeds, as far as the configuration alone tells. */
export interface KnownStream {
  readonly name: string
  /** Where it gets its name. */
  readonly path: SettingPath
  /** Null when only the source knows them. */
  readonly columns: readonly string[] | null
  readonly key: readonly string[] | null
}

type Raw = Readonly<Record<string, unknown>>

/**
 * Read from the file as it is, not from parsed settings: a mistake elsewhere in a source must not make every
 * reference to its streams a mistake as well.
 */
export function knownStreams(value: unknown): KnownStream[] {
  return Object.entries(mapOf(mapOf(value)['sources'])).flatMap(([source, settings]) => {
    const { tables, as, columns, key } = mapOf(settings)
    const own = typeof as === 'string' ? [httpStream(source, as, { columns, key })] : []
    return [
      ...own,
      ...Object.entries(mapOf(tables)).map(([table, of]) => tableStream(source, table, mapOf(of))),
    ]
  })
}

function httpStream(source: string, name: string, { columns, key }: Raw): KnownStream {
  const names = Object.keys(mapOf(columns))
  const keys = typeof key === 'string' ? [key] : Array.isArray(key) ? key.map(String) : null
  return {
    name,
    path: ['sources', source, 'as'],
    columns: names.length === 0 ? null : names,
    key: keys,
  }
}

function tableStream(source: string, table: string, { as }: Raw): KnownStream {
  const path = ['sources', source, 'tables', table]
  return typeof as === 'string'
    ? { name: as, path: [...path, 'as'], columns: null, key: null }
    : { name: table, path, columns: null, key: null }
}

function mapOf(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {}
}
