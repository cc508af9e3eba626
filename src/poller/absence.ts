import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Change } from '../changes/change.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'
import { missingKey, type PageBook } from './page-book.ts'
import type { StoredId, SweepLine } from './page-line.ts'
import type { PageSchema } from './page-schema.ts'

/** Ids handled in one batch of bookkeeping. */
const chunk = 1000

export type Closing = Pick<ChangeBatch, 'changes' | 'ledger'>

/**
 * After a sweep that may prove an absence: every known id that it lacked becomes a `missing/<id>` line, and the
 * lines of pages that are no more go. In pieces, since a whole stream may be missing.
 */
export function* noteMissing(
  book: PageBook,
  { sweep, pages }: { sweep: number; pages: number },
): Generator<Closing> {
  const ledger: LedgerEntry[] = []
  const miss = (ids: readonly StoredId[]): void => {
    for (const id of ids.map(String)) {
      if (!book.isUnseen(id)) continue
      book.missing.set(id, sweep)
      book.table.forgetRow(id)
      ledger.push({ key: missingKey(id), value: sweep })
    }
  }
  for (const [page, line] of [...book.lines]) {
    if (page <= pages) continue
    miss(line.ids)
    book.lines.delete(page)
    ledger.push({ key: `page/${page}`, value: undefined })
    if (ledger.length >= chunk) yield { changes: [], ledger: ledger.splice(0) }
  }
  for (const [page, ids] of [...book.left]) {
    miss(ids)
    ledger.push(book.setLeft(page, []))
    if (ledger.length >= chunk) yield { changes: [], ledger: ledger.splice(0) }
  }
  if (ledger.length > 0) yield { changes: [], ledger }
}

/**
 * Ids that all sweeps since `agreeingFrom` lacked. A nameless record that came when an id vanished may be that very
 * record, so it holds the deletion up.
 */
export function confirmedMissing(book: PageBook, { agreeingFrom, pages }: SweepLine): string[] {
  const newest = book.newestNameless(pages)
  const confirmed = [...book.missing].filter(([, since]) => since <= agreeingFrom && since > newest)
  return confirmed.map(([id]) => id)
}

/** Refuses to delete more than the share: so many records vanish by mistake, not by themselves. */
export function refuseMassDeletion(
  book: PageBook,
  { name, ids, maxShare }: { name: string; ids: readonly string[]; maxShare: number },
): void {
  const known = book.table.seen + book.missing.size
  if (ids.length <= known * maxShare) return
  const percent = (share: number): string => `${Math.round(share * 1000) / 10}%`
  throw new OperatorError({
    code: 'mass-disappearance',
    area: 'data',
    message:
      `source ${name}: ${ids.length} of ${known} known records (${percent(ids.length / known)}) are no longer in the API; ` +
      `nothing was deleted`,
    hint: `If they are really gone, set \`maxDeletedShare\` of the source above the present ${maxShare} for one run; else mend the API.`,
  })
}

export function* deleteMissing(
  book: PageBook,
  { ids, stream, schema }: { ids: readonly string[]; stream: string; schema: PageSchema },
): Generator<Closing> {
  for (let start = 0; start < ids.length; start += chunk) {
    const changes: Change[] = []
    const ledger: LedgerEntry[] = []
    for (const id of ids.slice(start, start + chunk)) {
      book.missing.delete(id)
      changes.push({ kind: 'delete', stream, key: schema.keyOf(id) })
      ledger.push({ key: missingKey(id), value: undefined })
    }
    yield { changes, ledger }
  }
}
