import type { ByteReader } from './byte-reader.ts'
import { inflateEvent } from './inflate-event.ts'

export interface QueryEvent {
  readonly kind: 'query'
  readonly schema: string
  /** Exact where `encoded` is null. */
  readonly sql: string
  /** The same where it is not all of ASCII. */
  readonly encoded: EncodedText | null
}

/** A text as the session wrote it that executed it. */
export interface EncodedText {
  readonly bytes: Buffer
  /** Of the session's character set; null where the event does not tell. */
  readonly collation: number | null
}

/** `more`: bytes of further fields before the status variables. */
export function readQuery(reader: ByteReader, more: number, compressed = false): QueryEvent {
  reader.skip(8)
  const schemaBytes = reader.u8()
  reader.skip(2)
  const statusBytes = reader.u16()
  reader.skip(more)
  const status = reader.bytes(statusBytes)
  const schema = reader.utf8(schemaBytes)
  reader.skip(1)
  const rest = reader.bytes(reader.remaining)
  const bytes = compressed ? inflateEvent(rest) : rest
  const sql = bytes.toString('utf8')
  // Whatever is no UTF-8 has become something beyond ASCII as well.
  // eslint-disable-next-line no-control-regex -- exactly the 128 characters of ASCII
  if (/^[\x00-\x7f]*$/.test(sql)) return { kind: 'query', schema, sql, encoded: null }
  return {
    kind: 'query',
    schema,
    sql,
    encoded: { bytes: Buffer.from(bytes), collation: collationOf(status) },
  }
}

/** Bytes of the status variables that may stand before the character sets: flags, SQL mode, increments. */
const fixedBytes: Readonly<Record<number, number>> = { 0: 4, 1: 8, 3: 4 }

/** Of `character_set_client`. */
function collationOf(status: Buffer): number | null {
  for (let at = 0; at < status.length;) {
    const code = status[at++] ?? 0
    if (code === 4) return at + 2 <= status.length ? status.readUInt16LE(at) : null
    // The catalog's name behind its length; its older form ends with a zero.
    const named = code === 6 || code === 2 ? 1 + (status[at] ?? 0) + (code === 2 ? 1 : 0) : undefined
    const bytes = fixedBytes[code] ?? named
    if (bytes === undefined) return null
    at += bytes
  }
  return null
}
