import type { Rejected } from '../../changes/change-batch.ts'
import type { Change, Key } from '../../changes/change.ts'
import type { ByteReader } from '../binlog/byte-reader.ts'
import type { RowsEvent } from '../binlog/event.ts'
import type { RowLayout } from '../binlog/row-layout.ts'
import { UndecidedText, type DecodedRow, type RejectedRow } from '../rows/row-decoder.ts'
import type { Shape } from './shape.ts'

export interface ChangeSink {
  readonly changes: Change[]
  reject(one: Rejected): void
}

/** Appends what a rows event does to its table. An update of the key's bytes is a delete and an insert. */
export function readRowChanges(
  { action, images }: RowsEvent,
  { layout, shape }: { readonly layout: RowLayout; readonly shape: Shape },
  sink: ChangeSink,
): void {
  const { stream } = shape.table
  const { changes } = sink
  while (images.remaining > 0) {
    const before = action === 'insert' ? null : readKey(images, layout, shape)
    if (action === 'delete') {
      if (before !== null && !layout.isPast) changes.push({ kind: 'delete', stream, key: before })
      continue
    }
    const wasPast = action === 'update' && layout.isPast
    const after = readRow(images, layout, shape)
    // Of versioned tables a deletion is an update that ends the row, and an update also inserts the row that was.
    const ends = layout.isPast
    if (before !== null && !wasPast && (ends || after.key === null || !sameKey(before, after.key))) {
      changes.push({ kind: 'delete', stream, key: before })
    }
    if (ends) continue
    if ('reason' in after) sink.reject({ stream, ...after })
    else changes.push({ kind: 'upsert', stream, key: after.key, row: after.row })
  }
}

function sameKey(a: Key, b: Key): boolean {
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

function readRow(images: ByteReader, layout: RowLayout, { decoder }: Shape): DecodedRow | RejectedRow {
  const start = images.offset
  try {
    return decoder.decode(layout.readRow(images, false))
  } catch (error) {
    if (!(error instanceof UndecidedText)) throw error
    images.offset = start
    return decoder.decode(layout.readRow(images, true))
  }
}

/** Null when it is none that could have been taken in. */
function readKey(images: ByteReader, layout: RowLayout, { decoder }: Shape): Key | null {
  const start = images.offset
  try {
    return decoder.decodeKey(layout.readKey(images))
  } catch (error) {
    if (!(error instanceof UndecidedText)) throw error
    images.offset = start
    const key = decoder.decodeKey(layout.readRow(images, true))
    return key
  }
}
