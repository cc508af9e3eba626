import type { RawValue } from '../rows/value-codec.ts'
import type { SourceColumn } from '../rows/source-column.ts'
import type { ByteReader } from './byte-reader.ts'
import { bytesReader, dataReader, fixedReader, lengthOf, textReader } from './bytes-reader.ts'
import { binaryCollation, type CharacterSets } from './character-sets.ts'
import { decimalBytes } from './decimal.ts'
import { printJsonDocument } from './json-document.ts'
import { integerBytesOf, numberReader } from './number-reader.ts'
import type { ColumnReader, Read } from './value-reader.ts'
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
