import { inflateRawSync, inflateSync } from 'node:zlib'
import type { RawValue } from '../rows/value-codec.ts'
import { isUnsigned, type SourceColumn } from '../rows/source-column.ts'
import type { ByteReader } from './byte-reader.ts'
import { decodeUtf8, type CharacterSets } from './character-sets.ts'
import type { DecodeText } from './decode-text.ts'
import { decimalBytes, readDecimal } from './decimal.ts'
import { printJsonDocument } from './json-document.ts'
import { wireType, type WireColumn } from './table-map.ts'
import {
  readDate,
  readDatetime,
  readOldDatetime,
  readOldTime,
  readOldTimestamp,
  readTime,
  readTimestamp,
  readYear,
} from './temporal.ts'

/** Reads one value that is not null, as a select would have sent it or as a number. */
export interface ColumnReader {
  readonly read: (reader: ByteReader) => RawValue
  readonly skip: (reader: ByteReader) => void
  /** For text: its bytes in UTF-8, for when the string does not tell whether they are valid. */
  readonly readBytes?: (reader: ByteReader) => Buffer
}

const binaryCollation = 63

/**
 * The reader for a column of a row image. `source` is the column as it was described; null for one that nobody asked
 * for, which only has to be skipped. Returns null when the image is not of the described type.
 */
export function columnReader(
  wire: WireColumn,
  source: SourceColumn | null,
  characterSets: CharacterSets,
): ColumnReader | null {
  if (source === null) return { read: nothingWanted, skip: skipOf(wire) }
  const read = readerOf(wire, source, characterSets)
  return read === null ? null : { skip: skipOf(wire), ...read }
}

function nothingWanted(): never {
  throw new TypeError('a column that is not mirrored is only skipped')
}

type Read = Pick<ColumnReader, 'read' | 'readBytes'>

function readerOf(wire: WireColumn, source: SourceColumn, sets: CharacterSets): Read | null {
  const numeric = numberReader(wire, source)
  if (numeric !== undefined) return numeric
  const { dataType, fraction } = source
  const { type, metadata } = wire
  const only = (wanted: boolean, read: (reader: ByteReader) => RawValue): Read | null =>
    wanted ? { read } : null
  switch (dataType) {
    case 'date':
      return only(type === wireType.date, readDate)
    case 'year':
      return only(type === wireType.year, readYear)
    case 'timestamp':
      if (type === wireType.timestamp) return only(fraction === 0, readOldTimestamp)
      return only(type === wireType.timestamp2 && metadata === fraction, (reader) =>
        readTimestamp(reader, fraction),
      )
    case 'datetime':
      if (type === wireType.datetime) return only(fraction === 0, readOldDatetime)
      return only(type === wireType.datetime2 && metadata === fraction, (reader) =>
        readDatetime(reader, fraction),
      )
    case 'time':
      if (type === wireType.time) return only(fraction === 0, readOldTime)
      return only(type === wireType.time2 && metadata === fraction, (reader) => readTime(reader, fraction))
    case 'enum':
      return type === wireType.enum ? enumReader(wire, sets) : null
    case 'set':
      return type === wireType.set ? setReader(wire, sets) : null
    case 'json':
      return only(type === wireType.json, (reader) =>
        printJsonDocument(reader.bytes(lengthOf(reader, metadata))),
      )
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return textReader(wire, sets)
    case 'uuid':
      return fixedReader(wire, 16)
    case 'inet6':
      return fixedReader(wire, 16)
    case 'inet4':
      return fixedReader(wire, 4)
    default:
      return bytesReader(wire, dataType)
  }
}

/** Undefined when the column is no number. */
function numberReader(wire: WireColumn, source: SourceColumn): Read | null | undefined {
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

const integerBytes: Readonly<Record<string, number>> = {
  tinyint: 1,
  smallint: 2,
  mediumint: 3,
  int: 4,
  bigint: 8,
}
const integerBytesOf: Readonly<Record<number, number>> = {
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

/** The number of the label; 0 is the empty text that stands for an invalid value. */
function enumReader({ metadata, labels, collation }: WireColumn, sets: CharacterSets): Read | null {
  const names = labelTexts(labels, collation, sets)
  if (names === null) return null
  return {
    read: (reader) => {
      const place = Number(reader.unsigned(metadata))
      const name = place === 0 ? '' : names[place - 1]
      if (name === undefined)
        throw new RangeError(`an ENUM of ${names.length} labels has none of number ${place}`)
      return name
    },
  }
}

function setReader({ metadata, labels, collation }: WireColumn, sets: CharacterSets): Read | null {
  const names = labelTexts(labels, collation, sets)
  if (names === null) return null
  return {
    read: (reader) => {
      const members = BigInt(reader.unsigned(metadata))
      return names.filter((_, place) => (members & (1n << BigInt(place))) !== 0n).join(',')
    },
  }
}

function labelTexts(
  labels: readonly Buffer[],
  collation: number | null,
  sets: CharacterSets,
): string[] | null {
  if (collation === binaryCollation) return labels.map((label) => label.toString('utf8'))
  const decode = sets.decoderOf(collation)
  return decode === null ? null : labels.map((label) => String(decode(label, 0, label.length)))
}

function textReader(wire: WireColumn, sets: CharacterSets): Read | null {
  const decode = wire.collation === binaryCollation ? null : sets.decoderOf(wire.collation)
  const data = dataReader(wire)
  if (decode === null || data === null) return null
  const { length } = data
  if (data.compressed) {
    const bytes = (reader: ByteReader): Buffer => inflateColumn(reader.bytes(length(reader)))
    return {
      read: (reader) => decodeAll(bytes(reader), decode),
      readBytes: (reader) => utf8Of(bytes(reader), decode),
    }
  }
  return {
    read: (reader) => {
      const size = length(reader)
      const start = reader.offset
      if (size > reader.remaining) throw new RangeError('the event ends within a text')
      reader.skip(size)
      return decode(reader.buffer, start, start + size)
    },
    readBytes: (reader) => utf8Of(reader.bytes(length(reader)), decode),
  }
}

function decodeAll(bytes: Buffer, decode: DecodeText): string | Buffer {
  return decode(bytes, 0, bytes.length)
}

function utf8Of(bytes: Buffer, decode: DecodeText): Buffer {
  if (decode === decodeUtf8) return bytes
  const text = decodeAll(bytes, decode)
  return typeof text === 'string' ? Buffer.from(text) : text
}

/** BINARY, VARBINARY, the BLOBs, geometries and vectors. */
function bytesReader(wire: WireColumn, dataType: string): Read | null {
  const data = dataReader(wire)
  if (data === null || wire.type === wireType.json) return null
  if (wire.collation !== null && wire.collation !== binaryCollation && dataType !== 'vector') return null
  return {
    read: (reader) => {
      const bytes = reader.bytes(data.length(reader))
      return data.compressed ? inflateColumn(bytes) : bytes
    },
  }
}

/** Types of MariaDB that travel as BINARY, whose trailing zeros are left away. */
function fixedReader(wire: WireColumn, width: number): Read | null {
  const data = dataReader(wire)
  if (data === null || wire.type !== wireType.string) return null
  return {
    read: (reader) => {
      const bytes = reader.bytes(data.length(reader))
      if (bytes.length === width) return bytes
      return Buffer.concat([bytes, Buffer.alloc(width - bytes.length)])
    },
  }
}

interface Data {
  readonly length: (reader: ByteReader) => number
  readonly compressed: boolean
}

function dataReader({ type, metadata }: WireColumn): Data | null {
  switch (type) {
    case wireType.varchar:
    case wireType.varcharCompressed:
    case wireType.string:
    case wireType.varString:
      return {
        length: metadata > 255 ? (reader) => reader.u16() : (reader) => reader.u8(),
        compressed: type === wireType.varcharCompressed,
      }
    case wireType.blob:
    case wireType.blobCompressed:
    case wireType.geometry:
    case wireType.json:
    case wireType.vector:
      return {
        length: (reader) => lengthOf(reader, metadata),
        compressed: type === wireType.blobCompressed,
      }
    default:
      return null
  }
}

function lengthOf(reader: ByteReader, bytes: number): number {
  return bytes === 1 ? reader.u8() : bytes === 2 ? reader.u16() : bytes === 3 ? reader.u24() : reader.u32()
}

/** MariaDB's COMPRESSED columns: a byte of method, bits 0 to 2 the bytes of the length that follows, then the stream. */
function inflateColumn(bytes: Buffer): Buffer {
  const header = bytes[0]
  if (header === undefined) return bytes
  if (header >> 4 === 0) return bytes.subarray(1)
  if (header >> 4 !== 8) throw new RangeError(`a COMPRESSED column uses the unknown method ${header >> 4}`)
  const stream = bytes.subarray(1 + (header & 7))
  return (header & 8) !== 0 ? inflateRawSync(stream) : inflateSync(stream)
}

/** Any column has to be passed over, those of tables' hidden columns too. */
function skipOf(wire: WireColumn): (reader: ByteReader) => void {
  const data = dataReader(wire)
  if (data !== null) {
    return (reader) => {
      reader.skip(data.length(reader))
    }
  }
  const width = widthOf(wire)
  return (reader) => {
    reader.skip(width)
  }
}

function widthOf({ type, metadata }: WireColumn): number {
  const integer = integerBytesOf[type]
  if (integer !== undefined) return integer
  const fraction = (metadata + 1) >> 1
  switch (type) {
    case wireType.float:
      return 4
    case wireType.double:
    case wireType.datetime:
      return 8
    case wireType.year:
      return 1
    case wireType.date:
    case wireType.time:
      return 3
    case wireType.timestamp:
      return 4
    case wireType.timestamp2:
      return 4 + fraction
    case wireType.datetime2:
      return 5 + fraction
    case wireType.time2:
      return 3 + fraction
    case wireType.newDecimal:
      return decimalBytes(metadata >> 8, metadata & 255)
    case wireType.bit:
      return (metadata + 7) >> 3
    case wireType.enum:
    case wireType.set:
      return metadata
    default:
      throw new RangeError(`the log has a column ${wireTypeText(type)}`)
  }
}

function wireTypeText(type: number): string {
  return `of the unknown type ${type}`
}
