import { isUtf8 } from 'node:buffer'
import type { Value } from '../../changes/change.ts'
import { numberLiteral, textLiteral, undecodableTextLiteral } from '../sql.ts'
import { labelsOf, type SourceColumn } from './source-column.ts'
import {
  asText,
  undecided,
  ValueRejection,
  type CursorPart,
  type Paging,
  type RawValue,
  type ValueCodec,
} from './value-codec.ts'

const invalidUtf8 = new ValueRejection('invalid-utf8', 'the text is not valid UTF-8')
const zeroCharacter = new ValueRejection('zero-character', 'Postgres stores no U+0000 in text')

const textPaging: Paging = {
  cursor(raw): CursorPart {
    if (typeof raw === 'object' && !isUtf8(raw)) return { hex: raw.toString('hex') }
    return asText(raw)
  },
  literal: (part) => (typeof part === 'string' ? textLiteral(part) : undecodableTextLiteral(part.hex)),
}

/** Text as a string that is known to be right, as bytes, or as a string that only the bytes can confirm. */
function decodeText(raw: RawValue): Value | ValueRejection {
  const text = asText(raw)
  if (text.includes('\uFFFD')) {
    if (typeof raw !== 'object') return undecided
    if (!isUtf8(raw)) return invalidUtf8
  }
  return text.includes('\0') ? zeroCharacter : text
}

export function textCodec(type: string): ValueCodec {
  return { type, wire: 'text', decode: decodeText, paging: textPaging }
}

/** Without paging: the server cannot index them as they are. */
export function jsonCodec({ check }: { readonly check: boolean }): ValueCodec {
  const decode = check
    ? (raw: RawValue): Value | ValueRejection => {
        const text = decodeText(raw)
        return typeof text === 'string' && !isJson(text) ? invalidJson : text
      }
    : decodeText
  return { type: 'json', wire: 'text', decode }
}

const invalidJson = new ValueRejection('invalid-json', 'the text is not JSON')

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** ENUM and SET are ordered by their members' places, never by their text. */
export function enumCodec(column: SourceColumn): ValueCodec {
  const places = new Map(labelsOf(column).map((label, index) => [label, index + 1]))
  return { ...textCodec('text'), paging: placePaging((text) => String(places.get(text) ?? 0)) }
}

export function setCodec(column: SourceColumn): ValueCodec {
  const bits = new Map(labelsOf(column).map((label, index) => [label, 1n << BigInt(index)]))
  const mask = (text: string): string => {
    let members = 0n
    for (const label of text === '' ? [] : text.split(',')) members |= bits.get(label) ?? 0n
    return members.toString()
  }
  return { ...textCodec('text'), paging: placePaging(mask) }
}

function placePaging(place: (text: string) => string): Paging {
  return {
    cursor: (raw) => place(asText(raw)),
    literal: (part) => numberLiteral(typeof part === 'string' ? part : part.hex),
  }
}
