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
