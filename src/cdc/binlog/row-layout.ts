import type { RawValue } from '../rows/value-codec.ts'
import type { Table } from '../table.ts'
import { ByteReader } from './byte-reader.ts'
import type { CharacterSets } from './character-sets.ts'
import { columnReader } from './column-reader.ts'
import type { ColumnReader } from './value-reader.ts'
import type { TableMap } from './table-map.ts'

/** How the row images of one table are read into the order of its mirrored columns. */
export class RowLayout {
  readonly columnCount: number
  readonly #readers: readonly ColumnReader[]
  /** The place of each column of the image among the mirrored ones; -1 for others. */
  readonly #places: readonly number[]
  /** The same with none but the key's columns. */
  readonly #keyPlaces: readonly number[]
  /** The place of the column that ends rows among those of the image; -1 without one. */
  readonly #endColumn: number
  #isPast = false
  /** Read at once by the row decoder, so that one array serves every row. */
  readonly #row: (RawValue | null)[]

  private constructor(
    readers: readonly ColumnReader[],
    places: readonly number[],
    table: Table,
    endColumn: number,
  ) {
    this.#endColumn = endColumn
    this.columnCount = readers.length
    this.#readers = readers
    this.#places = places
    const isKey = (place: number): boolean => (table.columns[place]?.keyPosition ?? null) !== null
    this.#keyPlaces = places.map((place) => (isKey(place) ? place : -1))
    this.#row = Array<RawValue | null>(table.columns.length).fill(null)
  }

  /** A text instead, completing "table … ", when the log's rows are not those of the described table. */
  static bind(map: TableMap, table: Table, characterSets: CharacterSets): RowLayout | string {
    if (map.columns === null)
      return 'is logged without the names of its columns (binlog_row_metadata is not FULL)'
    const places = new Map(table.columns.map(({ name }, place) => [name.toLowerCase(), place]))
    const found: number[] = []
    const readers: ColumnReader[] = []
    for (const wire of map.columns) {
      const place = places.get(wire.name.toLowerCase()) ?? -1
      const column = table.columns[place]
      const reader = columnReader(wire, column?.source ?? null, characterSets)
      if (reader === null) {
        return `has a column ${wire.name} that is logged as another type than ${column?.source.columnType ?? 'known'}`
      }
      readers.push(reader)
      found.push(place)
    }
    const missing = table.columns.find((_, place) => !found.includes(place))
    if (missing !== undefined) return `has no column ${missing.name} in the log`
    const endColumn = map.columns.findIndex(({ name }) => name === table.rowEnd)
    if (table.rowEnd !== null && endColumn < 0) return `has no column ${table.rowEnd} in the log`
    return new RowLayout(readers, found, table, endColumn)
  }

  /** Whether the row that was read last is one of a versioned table's past. */
  get isPast(): boolean {
    return this.#isPast
  }

  /** Whether an image has every column. `present` is the event's bitmap. */
  isFull(present: Buffer): boolean {
    for (let column = 0; column < this.columnCount; column++) {
      if (((present[column >> 3] ?? 0) & (1 << (column & 7))) === 0) return false
    }
    return true
  }

  /** The values in the order of the table's columns. Valid until the next call. */
  readRow(reader: ByteReader, exactText: boolean): readonly (RawValue | null)[] {
    return this.#read(reader, this.#places, exactText)
  }

  /** Only the key's columns are those of this row. */
  readKey(reader: ByteReader): readonly (RawValue | null)[] {
    return this.#read(reader, this.#keyPlaces, false)
  }

  #read(reader: ByteReader, places: readonly number[], exactText: boolean): readonly (RawValue | null)[] {
    const nulls = reader.offset
    reader.skip((this.columnCount + 7) >> 3)
    const row = this.#row
    for (let column = 0; column < this.columnCount; column++) {
      const place = places[column] as number
      const isNull = ((reader.buffer[nulls + (column >> 3)] as number) & (1 << (column & 7))) !== 0
      if (isNull) {
        if (place >= 0) row[place] = null
        continue
      }
      if (column === this.#endColumn) this.#isPast = isOver(reader)
      const { read, readBytes, skip } = this.#readers[column] as ColumnReader
      if (place < 0) skip(reader)
      else row[place] = exactText && readBytes !== undefined ? exactly(read, readBytes, reader) : read(reader)
    }
    if (reader.offset > reader.end) throw new RangeError('the event ends within a row')
    return row
  }
}

/** Present rows end at the latest time that a timestamp can hold; its range was doubled in MariaDB 11.5. */
function isOver({ buffer, offset }: ByteReader): boolean {
  const seconds = buffer.readUInt32BE(offset)
  return seconds !== 0x7fffffff && seconds !== 0xffffffff
}

/** The bytes only where the string leaves it open. */
function exactly(
  read: ColumnReader['read'],
  readBytes: (reader: ByteReader) => Buffer,
  reader: ByteReader,
): RawValue {
  const start = reader.offset
  const value = read(reader)
  if (typeof value !== 'string' || !value.includes('\uFFFD')) return value
  reader.offset = start
  return readBytes(reader)
}
