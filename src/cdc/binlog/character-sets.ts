import { isUtf8 } from 'node:buffer'
import type { Connection } from '../connection.ts'
import type { DecodeText } from './decode-text.ts'
import { decodeWithTable, readCharacterTable } from './character-table.ts'
import type { EncodedText } from './query-event.ts'

export const decodeUtf8: DecodeText = (buffer, start, end) => buffer.toString('utf8', start, end)

const decodeUtf16Big: DecodeText = (buffer, start, end) =>
  wellFormed(
    Buffer.from(buffer.subarray(start, end))
      .swap16()
      .toString('utf16le', 0, end - start),
  )

const decodeUtf16Little: DecodeText = (buffer, start, end) =>
  wellFormed(buffer.toString('utf16le', start, end))

const decodeUtf32: DecodeText = (buffer, start, end) => {
  let text = ''
  for (let at = start; at < end; at += 4) text += String.fromCodePoint(buffer.readUInt32BE(at))
  return wellFormed(text)
}

const gb18030 = new TextDecoder('gb18030')

const known: Readonly<Record<string, DecodeText>> = {
  utf8: decodeUtf8,
  utf8mb3: decodeUtf8,
  utf8mb4: decodeUtf8,
  ucs2: decodeUtf16Big,
  utf16: decodeUtf16Big,
  utf16le: decodeUtf16Little,
  utf32: decodeUtf32,
  gb18030: (buffer, start, end) => gb18030.decode(buffer.subarray(start, end)),
}

const loneSurrogate = /[\ud800-\udfff]/u

/** Node would write U+FFFD for what the server sends as the three bytes of the surrogate. */
function wellFormed(text: string): string | Buffer {
  if (!loneSurrogate.test(text)) return text
  const parts = Array.from(text, (character) => {
    const code = character.charCodeAt(0)
    if (character.length > 1 || code < 0xd800 || code > 0xdfff) return Buffer.from(character)
    return Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
  })
  return Buffer.concat(parts)
}

/** Of columns that hold bytes and not text. */
export const binaryCollation = 63

/**
 * The character sets of one server. Those that Node does not know byte for byte are asked for: a table of what the
 * server makes of each character, since no two libraries agree on all of cp932 or dec8.
 */
export class CharacterSets {
  readonly #ofCollation: ReadonlyMap<number, string>
  readonly #decoders = new Map<string, DecodeText>(Object.entries(known))

  private constructor(ofCollation: ReadonlyMap<number, string>) {
    this.#ofCollation = ofCollation
  }

  static async read(connection: Connection): Promise<CharacterSets> {
    const rows = await connection.query(
      connection.server.flavour === 'mariadb' ? mariadbCollations : mysqlCollations,
    )
    return new CharacterSets(new Map(rows.map(({ id, name }) => [Number(id), name ?? ''])))
  }

  /** Makes sure that `decoderOf` answers for the character set. */
  async load(connection: Connection, name: string): Promise<void> {
    if (this.#decoders.has(name) || name === 'binary') return
    const table = await readCharacterTable(connection, name)
    this.#decoders.set(name, decodeWithTable(table))
  }

  /** Null when the bytes are no text of that character set, or nobody knows of which they are. */
  async decode(connection: Connection, { bytes, collation }: EncodedText): Promise<string | null> {
    const name = collation === null ? undefined : this.#ofCollation.get(collation)
    if (name === undefined) return null
    // The server takes bytes of no character set for its own.
    if (name === 'binary' || this.#decoders.get(name) === decodeUtf8) {
      return isUtf8(bytes) ? bytes.toString('utf8') : null
    }
    await this.load(connection, name)
    const text = this.#decoders.get(name)?.(bytes, 0, bytes.length)
    return typeof text === 'string' ? text : null
  }

  /** Null for one that was not loaded: another one than the table is known to use. */
  decoderOf(collation: number | null): DecodeText | null {
    const name = collation === null ? undefined : this.#ofCollation.get(collation)
    return name === undefined ? null : (this.#decoders.get(name) ?? null)
  }
}

const mysqlCollations = 'select id as id, character_set_name as name from information_schema.collations'
/** The other view lacks the ids of collations that stand for several character sets. */
const mariadbCollations = `select id as id, character_set_name as name
  from information_schema.collation_character_set_applicability where id is not null`
