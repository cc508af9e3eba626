import type { Key } from '../changes/change.ts'
import { identifier } from './identifiers.ts'

/**
 * A key as one text, the id by which state tables and the matcher know a record: the key itself when it is one
 * column, else a JSON array as Postgres' `json_build_array` prints it. Injective within a stream, because a
 * stream's keys all have the same number of columns.
 */
export function recordId(key: Key): string {
  const [only] = key
  if (key.length === 1 && only !== undefined) return only
  return `[${key.map((part) => JSON.stringify(part)).join(', ')}]`
}

/**
 * Bytes of an id. An entry of an index of Postgres has 2,704 at most, and pairs are found by the ids of both their records;
 * a record with a longer one is not taken in.
 */
export const longestId = 1_200

/** Whether state tables can know a record by this id. */
export const isStorable = (id: string): boolean =>
  3 * id.length <= longestId || Buffer.byteLength(id) <= longestId

/** The same text computed by Postgres over the key columns of the table `alias`. */
export function recordIdSql(alias: string, keyColumns: readonly string[]): string {
  const parts = keyColumns.map((column) => `${alias}.${identifier(column)}::text`)
  return parts.length === 1 ? (parts[0] ?? '') : `json_build_array(${parts.join(', ')})::text`
}

/** The condition under which the table `alias` holds the record whose id is the expression `id`. */
export function hasRecordIdSql(
  alias: string,
  keyColumns: readonly { readonly name: string; readonly type: string }[],
  id: string,
): string {
  return keyColumns
    .map(({ name, type }, place) => {
      const text = keyColumns.length === 1 ? id : `(${id}::json ->> ${place})`
      return `${alias}.${identifier(name)} = ${text}::${type}`
    })
    .join(' and ')
}
