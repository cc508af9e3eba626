import type { ConfigDocument } from './document.ts'
import { suggestion } from './nearest.ts'
import type { Problem } from './problem.ts'
import { pathKey, pathText, valueAt } from './setting-path.ts'
import type { KnownStream } from './streams.ts'
import { name as validName } from './values.ts'

/** Tables that Syncline makes itself in the warehouse schema. */
const reservedTables = ['as_of']

/** Names of tables in the warehouse: each must be somebody's alone. */
export function checkNames(
  streams: readonly KnownStream[],
  matches: readonly string[],
  document: ConfigDocument,
): Problem[] {
  const taken = new Map<string, string>(reservedTables.map((table) => [table, 'Syncline itself']))
  const named = [
    ...streams.map(({ name, path }) => ({ name, path })),
    ...matches.map((name) => ({ name, path: ['matches', name] })),
  ]
  return named.flatMap(({ name, path }) => {
    const owner = taken.get(name)
    taken.set(name, owner ?? pathText(path))
    const at = path.at(-1) === 'as' ? 'value' : 'key'
    return owner === undefined
      ? []
      : [document.problem({ path, at, message: `this name is already taken by ${owner}` })]
  })
}

/** What the schema cannot say about sources: references from one of their settings to another. */
export function checkSources(streams: readonly KnownStream[], document: ConfigDocument): Problem[] {
  return streams.flatMap((stream) => [...checkTableName(stream, document), ...checkKey(stream, document)])
}

/** Settings that an API which lists what changed has no use for. */
const meaninglessWithSince: Readonly<Record<string, string>> = {
  confirmSweeps: 'such an API tells of deletions itself, or `syncline resync` finds them; remove it',
  maxStaleness: 'pages of such a list are not read by themselves; `schedule` says how often it is asked for',
}

/** What means nothing beside another setting is refused: somebody believes in it. */
export function checkSince(document: ConfigDocument): Problem[] {
  const sources = mapOf(valueAt(document.value, ['sources']))
  return Object.entries(sources).flatMap(([source, settings]) => {
    const given = mapOf(settings)
    if (given['since'] === undefined) return []
    return Object.entries(meaninglessWithSince)
      .filter(([setting]) => given[setting] !== undefined)
      .map(([setting, cure]) => {
        const path = ['sources', source, setting]
        return document.problem({ path, at: 'key', message: `means nothing beside \`since\`: ${cure}` })
      })
  })
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function checkTableName({ name, path }: KnownStream, document: ConfigDocument): Problem[] {
  if (path.at(-1) === 'as' || validName.safeParse(name).success) return []
  return [
    document.problem({ path, at: 'key', message: 'needs `as`: a lower-case name for its warehouse table' }),
  ]
}

function checkKey({ path, columns, key }: KnownStream, document: ConfigDocument): Problem[] {
  if (columns === null || key === null) return []
  const keyPath = [...path.slice(0, -1), 'key']
  const isList = Array.isArray(valueAt(document.value, keyPath))
  return key.flatMap((column, index) => {
    const at = isList ? [...keyPath, index] : keyPath
    if (key.indexOf(column) < index) return [document.problem({ path: at, message: 'stands here twice' })]
    if (columns.includes(column)) return []
    const hint = document.provenance.has(pathKey(at)) ? '' : `; ${suggestion(column, columns)}`
    return [document.problem({ path: at, message: `is not one of the columns${hint}` })]
  })
}
