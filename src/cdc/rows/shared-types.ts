import { bytesCodec, fixedBytesCodec } from './binary.ts'
import { bitCodec, decimalCodec, doubleCodec, integerCodec, realCodec } from './numbers.ts'
import { isUnsigned, isZerofill, type SourceColumn } from './source-column.ts'
import { dateCodec, datetimeCodec, timeCodec, timestampCodec, yearCodec } from './temporal.ts'
import { enumCodec, setCodec, textCodec } from './text.ts'
import type { CodecOptions, ValueCodec } from './value-codec.ts'

/** Signed and unsigned: the narrowest Postgres type that holds every value. */
const integers: Readonly<Record<string, readonly [signed: string, unsigned: string]>> = {
  // TINYINT(1) as well: it holds -128 to 127, and nothing keeps an application from using them.
  tinyint: ['smallint', 'smallint'],
  smallint: ['smallint', 'integer'],
  mediumint: ['integer', 'integer'],
  int: ['integer', 'bigint'],
  bigint: ['bigint', 'numeric(20,0)'],
}

/** The types that MySQL and MariaDB share. Null for one that is not known. */
export function sharedCodec(column: SourceColumn, options: CodecOptions): ValueCodec | null {
  const { dataType, length, fraction } = column
  const integer = integers[dataType]
  if (integer !== undefined) return integerCodec(integer[isUnsigned(column) ? 1 : 0], isZerofill(column))
  switch (dataType) {
    case 'decimal':
      return decimalCodec(`numeric(${column.precision ?? 10},${column.scale ?? 0})`)
    case 'float':
      return realCodec
    case 'double':
      return doubleCodec
    case 'bit':
      return bitCodec(column.precision ?? 1)
    case 'date':
      return dateCodec(options)
    case 'datetime':
      return datetimeCodec(fraction, options)
    case 'timestamp':
      return timestampCodec(fraction, options)
    case 'time':
      return timeCodec
    case 'year':
      return yearCodec
    case 'char':
    case 'varchar':
      // Trailing spaces of CHAR are not part of its values; and Postgres knows no varchar(0).
      return textCodec(length === null || length === 0 ? 'text' : `varchar(${length})`)
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return textCodec('text')
    case 'enum':
      return enumCodec(column)
    case 'set':
      return setCodec(column)
    case 'binary':
      return fixedBytesCodec(length ?? 0)
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return bytesCodec
    case 'geometry':
    case 'point':
    case 'linestring':
    case 'polygon':
    case 'multipoint':
    case 'multilinestring':
    case 'multipolygon':
    case 'geometrycollection':
    case 'geomcollection':
      return withoutPaging(bytesCodec)
    default:
      return null
  }
}

function withoutPaging({ type, wire, decode }: ValueCodec): ValueCodec {
  return { type, wire, decode }
}
