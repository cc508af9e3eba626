import { isUnsigned, type SourceColumn } from '../rows/source-column.ts'
import type { RawValue } from '../rows/value-codec.ts'
import type { ByteReader } from './byte-reader.ts'
import type { Read } from './value-reader.ts'
import { readDecimal } from './decimal.ts'
import { wireType, type WireColumn } from './table-map.ts'

/** Undefined when the column is no number. */
export function numberReader(wire: WireColumn, source: SourceColumn): Read | null | undefined {
  const { type, metadata, unsigned } = wire
  const bytes = integerBytes[source.dataType]
  if (bytes !== undefined) {
    if (integerBytesOf[type] !== bytes || unsigned !== isUnsigned(source)) return null
    return { read: integerReader(bytes, unsigned) }
  }
  switch (source.dataType) {
    case 'decimal': {
      const [precision, scale] = [source.precision ?? 10, source.scale ?? 0]
      if (type !== wireType.newDecimal || metadata !== precision * 256 + scale) return null
      return { read: (reader) => readDecimal(reader, precision, scale) }
    }
    case 'float':
      return type === wireType.float ? { read: (reader) => reader.bytes(4).readFloatLE(0) } : null
    case 'double':
      return type === wireType.double ? { read: readDouble } : null
    case 'bit':
      return type === wireType.bit && metadata === (source.precision ?? 1)
        ? { read: (reader) => reader.bytes((metadata + 7) >> 3) }
        : null
    default:
      return undefined
  }
}

/** JavaScript prints no sign before a zero, and a select does. */
function readDouble(reader: ByteReader): RawValue {
  const value = reader.bytes(8).readDoubleLE(0)
  return Object.is(value, -0) ? '-0' : value
}

/** By the type's name. */
const integerBytes: Readonly<Record<string, number>> = {
  tinyint: 1,
  smallint: 2,
  mediumint: 3,
  int: 4,
  bigint: 8,
}
/** By the type's number in the log. */
export const integerBytesOf: Readonly<Record<number, number>> = {
  [wireType.tiny]: 1,
  [wireType.short]: 2,
  [wireType.int24]: 3,
  [wireType.long]: 4,
  [wireType.longlong]: 8,
}

function integerReader(bytes: number, unsigned: boolean): (reader: ByteReader) => RawValue {
  switch (bytes) {
    case 1:
      return unsigned ? (reader) => reader.u8() : (reader) => (reader.u8() << 24) >> 24
    case 2:
      return unsigned ? (reader) => reader.u16() : (reader) => (reader.u16() << 16) >> 16
    case 3:
      return unsigned ? (reader) => reader.u24() : (reader) => (reader.u24() << 8) >> 8
    case 4:
      return unsigned ? (reader) => reader.u32() : (reader) => reader.u32() | 0
    default:
      return unsigned ? readUnsigned64 : readSigned64
  }
}

/** Numbers that a double holds exactly are cheaper to print. */
function readUnsigned64(reader: ByteReader): RawValue {
  const low = reader.u32()
  const high = reader.u32()
  if (high < 0x200000) return high * 0x100000000 + low
  return (BigInt(high) << 32n) | BigInt(low)
}

function readSigned64(reader: ByteReader): RawValue {
  const low = reader.u32()
  const high = reader.u32() | 0
  if (high < 0x200000 && high > -0x200000) return high * 0x100000000 + low
  return (BigInt(high) << 32n) | BigInt(low)
}
