import type { RawValue } from '../rows/value-codec.ts'
import type { ByteReader } from './byte-reader.ts'

/** Reads one value that is not null, as a select would have sent it or as a number. */
export interface ColumnReader {
  readonly read: (reader: ByteReader) => RawValue
  readonly skip: (reader: ByteReader) => void
  /** For text: its bytes in UTF-8, for when the string does not tell whether they are valid. */
  readonly readBytes?: (reader: ByteReader) => Buffer
}

/** For a column that is wanted. */
export type Read = Pick<ColumnReader, 'read' | 'readBytes'>
