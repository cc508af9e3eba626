import { inetCodec, uuidCodec } from './binary.ts'
import { vectorCodec } from './numbers.ts'
import { sharedCodec } from './shared-types.ts'
import type { SourceColumn } from './source-column.ts'
import { jsonCodec } from './text.ts'
import type { CodecOptions, ValueCodec } from './value-codec.ts'

/** Null for a type that is not known. */
export function mariadbCodec(column: SourceColumn, options: CodecOptions): ValueCodec | null {
  // JSON is text with a check, and the check is laxer than Postgres.
  if (column.checkedJson) return jsonCodec({ check: true })
  switch (column.dataType) {
    case 'uuid':
      return uuidCodec
    case 'inet4':
    case 'inet6':
      return inetCodec
    case 'vector':
      return vectorCodec
    default:
      return sharedCodec(column, options)
  }
}
