import { inflateRawSync, inflateSync } from 'node:zlib'
import type { ByteReader } from './byte-reader.ts'
import { binaryCollation, decodeUtf8, type CharacterSets } from './character-sets.ts'
import type { Read } from './value-reader.ts'
import type { DecodeText } from './decode-text.ts'
import { wireType, type WireColumn } from './table-map.ts'

/** CHAR, VARCHAR and the TEXTs. */
export function textReader(wire: WireColumn, sets: CharacterSets): Read | null {
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
export function bytesReader(wire: WireColumn, dataType: string): Read | null {
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
export function fixedReader(wire: WireColumn, width: number): Read | null {
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

/** How values are found that have their length before them; null for others. */
export function dataReader({ type, metadata }: WireColumn): Data | null {
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

export function lengthOf(reader: ByteReader, bytes: number): number {
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
