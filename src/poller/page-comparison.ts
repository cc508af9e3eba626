import { createHash } from 'node:crypto'
import type { ChangeBatch, Rejected } from '../changes/change-batch.ts'
import type { Change } from '../changes/change.ts'
import type { Leavers, Left } from './leavers.ts'
import { packRows, rowAt, storeId, type LineIndex, type Nameless, type PageLine } from './page-line.ts'
import type { PageContent, PageRecord } from './page-schema.ts'

/** A page as it came, and what was known before it came. */
export interface Comparison {
  readonly content: PageContent
  /** What stood on this page, on the one before and on the one after, as far as is known. */
  readonly line: LineIndex | null
  readonly before: LineIndex | null
  readonly after: LineIndex | null
  readonly leavers: Leavers
  readonly edition: string
  readonly sweep: number
  readonly stream: string
}

export interface Compared {
  /** Records that differ from what was last taken in. */
  readonly changes: ChangeBatch['changes']
  readonly rejected: ChangeBatch['rejected']
  readonly line: PageLine
  /** What stood on the page and is neither there nor on the page before. */
  readonly left: Left
}

/**
 * Compares a page with what is known of it. A record that was not there before may have moved: it is new only if it
 * did not leave another page lately and does not stand on a neighbouring one. One that moved farther is delivered
 * again, and the commit finds that its row does not differ.
 */
export function comparePage(comparison: Comparison): Compared {
  const { content, edition, stream } = comparison
  const named = new Map<string, PageRecord>()
  const changes: Change[] = []
  const rejected: Rejected[] = []
  const nameless: Nameless[] = []
  for (const record of content.records) {
    if (record.id === null) {
      if (record.rejected === null) continue
      const [entry, isNew] = compareNameless(record.rejected, comparison)
      nameless.push(entry)
      if (isNew) rejected.push(record.rejected)
      continue
    }
    // Of several with one id the last one counts, unless it cannot be taken in.
    const other = named.get(record.id)
    if (other === undefined || record.row !== null || other.row === null) named.set(record.id, record)
    else if (record.rejected !== null) rejected.push(record.rejected)
  }
  for (const [id, record] of named) {
    if (isKnown(id, record, comparison)) continue
    if (record.rejected !== null) rejected.push(record.rejected)
    else if (record.row !== null && record.key !== null)
      changes.push({ kind: 'upsert', stream, key: record.key, row: record.row })
  }
  const line: PageLine = {
    edition,
    ids: [...named.keys()].map(storeId),
    rows: packRows(named.values(), named.size),
    nameless,
  }
  return { changes, rejected, line, left: leftOf(comparison, named, new Map(nameless)) }
}

/** Whoever knows of it with another value may tell of what was delivered last, whatever stands here. */
function isKnown(
  id: string,
  record: PageRecord,
  { line, before, after, leavers, edition }: Comparison,
): boolean {
  const knowing = [leavers, line, before, after].filter((place) => place?.has(id) === true)
  return knowing.length > 0 && knowing.every((place) => place?.hasRow(id, record, edition) === true)
}

function compareNameless(
  { raw }: Rejected,
  { line, before, after, leavers, sweep }: Comparison,
): [entry: Nameless, isNew: boolean] {
  const digest = createHash('sha256').update(raw).digest('hex')
  const since =
    line?.namelessSince(digest) ??
    leavers.namelessSince(digest) ??
    before?.namelessSince(digest) ??
    after?.namelessSince(digest)
  return [[digest, since ?? sweep], since === undefined]
}

function leftOf(
  { line, before, edition, sweep }: Comparison,
  named: ReadonlyMap<string, PageRecord>,
  nameless: ReadonlyMap<string, number>,
): Left {
  const left: Left = { sweep, edition: line?.line.edition ?? edition, named: new Map(), nameless: new Map() }
  line?.line.ids.forEach((stored, place) => {
    const id = String(stored)
    if (named.has(id)) return
    const row = rowAt(line.line, place)
    // With another hash there, somebody has to find out which of the two was taken in last.
    if (before?.hasRow(id, row, line.line.edition) !== true) left.named.set(id, row)
  })
  for (const [digest, since] of line?.line.nameless ?? []) {
    if (!nameless.has(digest) && before?.namelessSince(digest) === undefined) left.nameless.set(digest, since)
  }
  return left
}
