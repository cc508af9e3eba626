import type { Value } from '../../changes/change.ts'

/** A value as a protocol gives it: text or bytes from a select; numbers, too, from the log. Never null. */
export type RawValue = string | Buffer | number | bigint

/** Why a value cannot be taken in; its whole record becomes a dead letter. */
export class ValueRejection {
  /** Kebab-case. */
  readonly code: string
  readonly reason: string

  constructor(code: string, reason: string) {
    this.code = code
    this.reason = reason
  }
}

/**
 * Stands for text that holds U+FFFD after decoding: either the character itself or bytes that are not UTF-8.
 * Only the bytes tell, so whoever meets it has to read the record again as bytes.
 */
export const undecided = new ValueRejection('undecided', 'the text may not be valid UTF-8')

/** One part of a place within a key's order: text, or bytes where the text cannot be decoded. JSON, for the ledger. */
export type CursorPart = string | { readonly hex: string }

/** How the values of one column become text that Postgres prints for `type`, whatever road they come by. */
export interface ValueCodec {
  /** As Postgres writes it in DDL. */
  readonly type: string
  /** How the text protocol has to hand the value over. */
  readonly wire: 'text' | 'bytes'
  /** The expression to select instead of the column itself, where its plain text is not exact. */
  readonly select?: (column: string) => string
  readonly decode: (raw: RawValue) => Value | ValueRejection
  /** Absent when the type cannot be paged by. */
  readonly paging?: Paging
}

/** What is needed to go on after a value in the server's own order. */
export interface Paging {
  readonly cursor: (raw: RawValue) => CursorPart
  /** A literal that compares exactly with the column, in the column's own type and collation. */
  readonly literal: (part: CursorPart) => string
}

export interface CodecOptions {
  /** Dates that no calendar has (0000-00-00, 2021-02-30): null, or reject the record. */
  readonly zeroDates: 'null' | 'reject'
}

export function asText(raw: RawValue): string {
  if (typeof raw === 'string') return raw
  return typeof raw === 'object' ? raw.toString('utf8') : String(raw)
}

export function asBytes(raw: RawValue): Buffer {
  return typeof raw === 'object' ? raw : Buffer.from(String(raw), 'utf8')
}
