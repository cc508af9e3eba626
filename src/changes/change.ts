import type { Column } from './column.ts'

/**
 * A value as the text that Postgres prints for the column's declared type with `TimeZone=UTC`,
 * `DateStyle=ISO` and hex bytea, or null: `v::type::text = v`. Two equal source values are the same
 * string by whatever road they came.
 */
export type Value = string | null

/** Column name → value. Every column of the stream is present. */
export type Row = Readonly<Record<string, Value>>

/**
 * The text of the key columns in key order, compared bytewise (`collate "C"`). Collations of the
 * source are not emulated: an update that changes the bytes of a key is a delete and an insert.
 */
export type Key = readonly string[]

export interface Upsert {
  readonly kind: 'upsert'
  readonly stream: string
  readonly key: Key
  readonly row: Row
}

export interface Delete {
  readonly kind: 'delete'
  readonly stream: string
  readonly key: Key
}

export interface Truncate {
  readonly kind: 'truncate'
  readonly stream: string
}

/** The stream's shape from here on; the first change of every stream. */
export interface Schema {
  readonly kind: 'schema'
  readonly stream: string
  readonly columns: readonly Column[]
}

export interface ResyncBegin {
  readonly kind: 'resync-begin'
  readonly stream: string
}

/** Every key of the stream that was neither upserted nor deleted since its `resync-begin` is gone. */
export interface ResyncEnd {
  readonly kind: 'resync-end'
  readonly stream: string
  /** When more than this share of the stream would go, nothing does and the resync stays open: see `refusedKey`. */
  readonly maxDeletedShare?: number
}

export type Change = Upsert | Delete | Truncate | Schema | ResyncBegin | ResyncEnd
