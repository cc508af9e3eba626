import { vectorCodec } from './numbers.ts'
import { sharedCodec } from './shared-types.ts'
import type { SourceColumn } from './source-column.ts'
import { jsonCodec } from './text.ts'
import type { CodecOptions, ValueCodec } from './value-codec.ts'

/** Null for a type that is not known. */
export function mysqlCodec(column: SourceColumn, options: CodecOptions): ValueCodec | null {
  switch (column.dataType) {
    case 'json':
      // `json` and not `jsonb`: it keeps the text, numbers such as 1.0 included, that the source itself prints.
      return jsonCodec({ check: false })
    case 'vector':
      return vectorCodec
    default:
      return sharedCodec(column, options)
  }
}
