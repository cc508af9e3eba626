import { ByteReader } from './byte-reader.ts'

/** The column types of row images that need telling apart. */
export const wireType = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  newDecimal: 246,
  enum: 247,
  set: 248,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const

/** One column as the log describes it at the moment of the change. */
export interface WireColumn {
  readonly name: string
  /** The real one: ENUM and SET, which travel as strings, are told apart. */
  readonly type: number
  /** Its meaning depends on the type: bytes of a length, digits, bits, precision · 256 + scale. */
  readonly metadata: number
  /** Of numbers. */
  readonly unsigned: boolean
  /** The id of the collation of text, ENUM and SET; 63 is `binary`. Null for other types. */
  readonly collation: number | null
  /** The members of an ENUM or SET, in the column's own character set. */
  readonly labels: readonly Buffer[]
}

export interface TableMap {
  readonly schema: string
  readonly name: string
  /** Null without `binlog_row_metadata = FULL`: then nothing says which column is which. */
  readonly columns: readonly WireColumn[] | null
  readonly columnCount: number
}

/** Schema and table only: most events belong to tables that nobody captures. `offset` is behind the table's id and flags. */
export function readTableName(body: Buffer, offset: number): { schema: string; name: string } {
  const reader = new ByteReader(body, offset)
  const schema = reader.utf8(reader.u8())
  reader.skip(1)
  const name = reader.utf8(reader.u8())
  return { schema, name }
}

/** Throws a `RangeError` when the event is not what it should be. */
export function readTableMap(body: Buffer, offset: number): TableMap {
  const reader = new ByteReader(body, offset)
  const schema = reader.utf8(reader.u8())
  reader.skip(1)
  const name = reader.utf8(reader.u8())
  reader.skip(1)
  const columnCount = reader.length()
  const codes = reader.bytes(columnCount)
  const metadataBytes = reader.length()
  const metadataEnd = reader.offset + metadataBytes
  const shapes = Array.from(codes, (code) => readShape(reader, code))
  reader.offset = metadataEnd
  reader.skip((columnCount + 7) >> 3)
  return { schema, name, columnCount, columns: readColumns(reader, shapes) }
}

interface Shape {
  readonly type: number
  readonly metadata: number
}

function readShape(reader: ByteReader, code: number): Shape {
  switch (code) {
    case wireType.float:
    case wireType.double:
    case wireType.blob:
    case wireType.blobCompressed:
    case wireType.geometry:
    case wireType.json:
    case wireType.vector:
    case wireType.timestamp2:
    case wireType.datetime2:
    case wireType.time2:
      return { type: code, metadata: reader.u8() }
    case wireType.varchar:
    case wireType.varcharCompressed:
      return { type: code, metadata: reader.u16() }
    case wireType.bit: {
      const bits = reader.u8()
      return { type: code, metadata: bits + reader.u8() * 8 }
    }
    case wireType.newDecimal: {
      const precision = reader.u8()
      return { type: code, metadata: precision * 256 + reader.u8() }
    }
    case wireType.string:
    case wireType.varString:
    case wireType.enum:
    case wireType.set:
      return readStringShape(reader.u8(), reader.u8())
    default:
      return { type: code, metadata: 0 }
  }
}

/** Two bits of a long CHAR's length hide, inverted, in its type. */
function readStringShape(first: number, second: number): Shape {
  if ((first & 0x30) !== 0x30)
    return { type: first | 0x30, metadata: second | (((first & 0x30) ^ 0x30) << 4) }
  return { type: first, metadata: second }
}

const field = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  columnName: 4,
  setLabels: 5,
  enumLabels: 6,
  enumAndSetDefaultCharset: 10,
  enumAndSetColumnCharset: 11,
}

const numbers = new Set<number>([
  0,
  wireType.tiny,
  wireType.short,
  wireType.long,
  wireType.float,
  wireType.double,
  wireType.longlong,
  wireType.int24,
  wireType.year,
  wireType.newDecimal,
])
const texts = new Set<number>([
  wireType.varchar,
  wireType.varcharCompressed,
  wireType.blobCompressed,
  wireType.blob,
  249,
  250,
  251,
  wireType.varString,
  wireType.string,
])
const choices = new Set<number>([wireType.enum, wireType.set])

function readColumns(reader: ByteReader, shapes: readonly Shape[]): WireColumn[] | null {
  const placesOf = (types: ReadonlySet<number>): number[] =>
    shapes.flatMap(({ type }, place) => (types.has(type) ? [place] : []))
  const names: string[] = []
  const unsigned = new Set<number>()
  const collations = new Map<number, number>()
  const labels = new Map<number, Buffer[]>()
  while (reader.remaining > 0) {
    const type = reader.u8()
    const length = reader.length()
    const value = new ByteReader(reader.buffer, reader.offset, reader.offset + length)
    reader.skip(length)
    switch (type) {
      case field.signedness:
        readBits(value, placesOf(numbers), unsigned)
        break
      case field.defaultCharset:
        readDefaultCharset(value, placesOf(texts), collations)
        break
      case field.enumAndSetDefaultCharset:
        readDefaultCharset(value, placesOf(choices), collations)
        break
      case field.columnCharset:
        for (const place of placesOf(texts)) collations.set(place, value.length())
        break
      case field.enumAndSetColumnCharset:
        for (const place of placesOf(choices)) collations.set(place, value.length())
        break
      case field.columnName:
        while (value.remaining > 0) names.push(value.utf8(value.length()))
        break
      case field.setLabels:
        readLabels(value, placesOf(new Set([wireType.set])), labels)
        break
      case field.enumLabels:
        readLabels(value, placesOf(new Set([wireType.enum])), labels)
        break
    }
  }
  if (names.length !== shapes.length) return null
  return shapes.map(({ type, metadata }, place) => ({
    name: names[place] ?? '',
    type,
    metadata,
    unsigned: unsigned.has(place),
    collation: collations.get(place) ?? null,
    labels: labels.get(place) ?? [],
  }))
}

/** The first column's bit is the highest of the first byte. */
function readBits(value: ByteReader, places: readonly number[], found: Set<number>): void {
  const bytes = value.bytes(value.remaining)
  for (const [index, place] of places.entries()) {
    if (((bytes[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0) found.add(place)
  }
}

/** The commonest collation, then place and collation of every column that has another. */
function readDefaultCharset(
  value: ByteReader,
  places: readonly number[],
  collations: Map<number, number>,
): void {
  const common = value.length()
  for (const place of places) collations.set(place, common)
  while (value.remaining > 0) {
    const place = places[value.length()]
    const collation = value.length()
    if (place !== undefined) collations.set(place, collation)
  }
}

function readLabels(value: ByteReader, places: readonly number[], labels: Map<number, Buffer[]>): void {
  for (const place of places) {
    const count = value.length()
    labels.set(
      place,
      Array.from({ length: count }, () => Buffer.from(value.bytes(value.length()))),
    )
  }
}
