import type { Connection } from '../connection.ts'
import { identifier } from '../sql.ts'
import type { DecodeText } from './decode-text.ts'

/** What a server makes of each character of one set; null where the bytes are no character. */
export interface CharacterTable {
  readonly one: readonly (string | null)[]
  /** Empty for sets of single bytes. */
  readonly two: readonly (string | null)[]
  /** Behind the byte 0x8f, by which the EUC sets reach their third plane. */
  readonly three: readonly (string | null)[]
}

const twoByteSets = new Set(['big5', 'cp932', 'eucjpms', 'euckr', 'gb2312', 'gbk', 'sjis', 'ujis'])
const threeByteSets = new Set(['eucjpms', 'ujis'])

export async function readCharacterTable(connection: Connection, name: string): Promise<CharacterTable> {
  return {
    one: await readCharacters(connection, { name, prefix: '', bytes: 1 }),
    two: twoByteSets.has(name) ? await readCharacters(connection, { name, prefix: '', bytes: 2 }) : [],
    three: threeByteSets.has(name) ? await readCharacters(connection, { name, prefix: '8f', bytes: 2 }) : [],
  }
}

interface Characters {
  readonly name: string
  /** Hexadecimal. */
  readonly prefix: string
  readonly bytes: number
}

async function readCharacters(
  connection: Connection,
  { name, prefix, bytes }: Characters,
): Promise<(string | null)[]> {
  const digits = '0123456789ABCDEF'.split('')
  const nibble = digits.map((digit) => `select '${digit}' as digit`).join(' union all ')
  const places = Array.from({ length: bytes * 2 }, (_, place) => `d${place}`)
  const hex = `concat('${prefix}', ${places.map((place) => `${place}.digit`).join(', ')})`
  const from = places.map((place) => `(${nibble}) ${place}`).join(' cross join ')
  const rows = await connection.query(
    `select ${hex} as code, hex(convert(convert(unhex(${hex}) using ${identifier(name)}) using utf8mb4)) as text from ${from}`,
  )
  const characters: (string | null)[] = Array<string | null>(256 ** bytes).fill(null)
  for (const { code, text } of rows) {
    const place = Number.parseInt((code ?? '').slice(prefix.length), 16)
    characters[place] = text === null || text === undefined ? null : Buffer.from(text, 'hex').toString('utf8')
  }
  return characters
}

export function decodeWithTable({ one, two, three }: CharacterTable): DecodeText {
  const plainAscii = one.slice(0, 128).every((character, code) => character === String.fromCharCode(code))
  return (buffer, start, end) => {
    const latin = buffer.toString('latin1', start, end)
    // eslint-disable-next-line no-control-regex -- exactly the 128 characters of ASCII
    if (plainAscii && /^[\x00-\x7f]*$/.test(latin)) return latin
    let text = ''
    for (let at = start; at < end; at++) {
      const byte = buffer[at] ?? 0
      const triple = byte === 0x8f && at + 2 < end ? single(three[buffer.readUInt16BE(at + 1)]) : null
      const pair =
        triple === null && byte > 0x7f && at + 1 < end ? single(two[buffer.readUInt16BE(at)]) : null
      text += triple ?? pair ?? one[byte] ?? '?'
      at += triple !== null ? 2 : pair !== null ? 1 : 0
    }
    return text
  }
}

/** Two bytes that are one character, not two beside each other, and not what the server could not convert. */
function single(characters: string | null | undefined): string | null {
  if (characters == null || characters === '?') return null
  return characters.length === 1 || (characters.codePointAt(0) ?? 0) > 0xffff ? characters : null
}
