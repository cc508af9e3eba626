import { numberLiteral } from '../sql.ts'
import { printDouble, printReal } from './floats.ts'
import {
  asBytes,
  asText,
  ValueRejection,
  type Paging,
  type RawValue,
  type ValueCodec,
} from './value-codec.ts'

const numberPaging: Paging = {
  cursor: asText,
  literal: (part) => {
    if (typeof part !== 'string') throw new TypeError('a number is never bytes')
    return numberLiteral(part)
  },
}

export function integerCodec(type: string, zerofill: boolean): ValueCodec {
  const decode = zerofill ? (raw: RawValue): string => stripZeros(asText(raw)) : asText
  return { type, wire: 'text', decode, paging: numberPaging }
}

export function decimalCodec(type: string): ValueCodec {
  return {
    type,
    wire: 'text',
    decode(raw) {
      const text = asText(raw)
      const first = text.charCodeAt(0)
      // The plain case needs no work: no sign, no padding.
      return first === 0x30 || first === 0x2d ? canonicalDecimal(text) : text
    },
    paging: numberPaging,
  }
}

/** Padding of ZEROFILL, and the sign of a zero, are not printed by Postgres. */
function canonicalDecimal(text: string): string {
  const stripped = text.startsWith('-') ? `-${stripZeros(text.slice(1))}` : stripZeros(text)
  return /^-[0.]*$/.test(stripped) ? stripped.slice(1) : stripped
}

function stripZeros(text: string): string {
  return text.replace(/^0+(?=\d)/, '')
}

/**
 * The server prints a FLOAT with six digits, which is not its value; as a double it is printed exactly. The log
 * carries that exact value, too.
 */
export const realCodec: ValueCodec = {
  type: 'real',
  wire: 'text',
  select: (column) => `${column} + 0e0`,
  decode: (raw) => printReal(Number(asText(raw))),
  paging: numberPaging,
}

export const doubleCodec: ValueCodec = {
  type: 'double precision',
  wire: 'text',
  decode: (raw) => printDouble(Number(asText(raw))),
  paging: numberPaging,
}

/** BIT(1) holds two values, so it is a boolean; wider ones keep their width. */
export function bitCodec(width: number): ValueCodec {
  const decode =
    width === 1
      ? (raw: RawValue): string => (bitsOf(raw) === 0n ? 'false' : 'true')
      : (raw: RawValue): string => bitsOf(raw).toString(2).padStart(width, '0')
  return {
    type: width === 1 ? 'boolean' : `bit(${width})`,
    wire: 'bytes',
    decode,
    paging: { ...numberPaging, cursor: (raw) => bitsOf(raw).toString() },
  }
}

function bitsOf(raw: RawValue): bigint {
  if (typeof raw !== 'object') return BigInt(raw)
  return raw.length === 0 ? 0n : BigInt(`0x${raw.toString('hex')}`)
}

/** VECTOR: 32-bit floats, little-endian. */
export const vectorCodec: ValueCodec = {
  type: 'real[]',
  wire: 'bytes',
  decode(raw) {
    const bytes = asBytes(raw)
    if (bytes.length % 4 !== 0)
      return new ValueRejection('wrong-type', 'a vector is not made of 32-bit floats')
    const floats: string[] = []
    for (let offset = 0; offset < bytes.length; offset += 4) floats.push(printReal(bytes.readFloatLE(offset)))
    return `{${floats.join(',')}}`
  },
}
