import type { LedgerEntry } from '../changes/ledger.ts'
import { lineJson, packRows, storeId, type LeftLine, type Nameless, type RowHash } from './page-line.ts'

/** What left a page: its named records with their hashes, and the nameless ones. */
export interface Left {
  readonly sweep: number
  readonly edition: string
  readonly named: Map<string, RowHash>
  readonly nameless: Map<string, number>
}

/** Records kept in memory; of more the ledger alone knows. */
const maxRecords = 20_000

export function leftEntry(key: string, { sweep, edition, named, nameless }: Left): LedgerEntry {
  if (named.size + nameless.size === 0) return { key, value: undefined }
  const line: LeftLine = {
    sweep,
    edition,
    ids: [...named.keys()].map(storeId),
    rows: packRows(named.values(), named.size),
    nameless: [...nameless] satisfies Nameless[],
  }
  return { key, value: lineJson(line) }
}

/**
 * What left its page lately. Most of it only moved: with one record inserted in front, the last one of every page
 * comes again as the first one of the next. So it is known that such a record is not new, and its line in the ledger
 * goes as soon as it is found.
 */
export class Leavers {
  readonly #lines = new Map<string, Left>()
  /** Of each id, and of each nameless record by its digest behind a U+0000, which no id contains. */
  readonly #lineOf = new Map<string, string>()

  /** Notes what left a page. `key` is the line in the ledger. */
  note(key: string, left: Left): LedgerEntry {
    this.#lines.set(key, left)
    for (const name of namesOf(left)) this.#lineOf.set(name, key)
    while (this.#lineOf.size > maxRecords && this.#lines.size > 1) this.#forgetOldest()
    return leftEntry(key, left)
  }

  has(id: string): boolean {
    return this.#lineOf.has(id)
  }

  hasRow(id: string, { low, high }: RowHash, edition: string): boolean {
    const left = this.#leftOf(id)
    const row = left?.edition === edition ? left.named.get(id) : undefined
    return row?.low === low && row.high === high
  }

  namelessSince(digest: string): number | undefined {
    return this.#leftOf(nameOf(digest))?.nameless.get(digest)
  }

  /** These stand on a page again. Returns the lines that change by it. */
  found(ids: Iterable<string>, digests: Iterable<string>): LedgerEntry[] {
    if (this.#lineOf.size === 0) return []
    const touched = new Map<string, Left>()
    const find = (name: string): Left | undefined => {
      const left = this.#leftOf(name)
      if (left !== undefined) touched.set(this.#lineOf.get(name) ?? '', left)
      this.#lineOf.delete(name)
      return left
    }
    for (const id of ids) find(id)?.named.delete(id)
    for (const digest of digests) find(nameOf(digest))?.nameless.delete(digest)
    return [...touched].map(([key, left]) => {
      if (left.named.size + left.nameless.size === 0) this.#lines.delete(key)
      return leftEntry(key, left)
    })
  }

  clear(): void {
    this.#lines.clear()
    this.#lineOf.clear()
  }

  #leftOf(name: string): Left | undefined {
    const key = this.#lineOf.get(name)
    return key === undefined ? undefined : this.#lines.get(key)
  }

  #forgetOldest(): void {
    const [oldest] = this.#lines
    if (oldest === undefined) return
    const [key, left] = oldest
    this.#lines.delete(key)
    for (const name of namesOf(left)) if (this.#lineOf.get(name) === key) this.#lineOf.delete(name)
  }
}

const nameOf = (digest: string): string => `\u0000${digest}`

function* namesOf({ named, nameless }: Left): Generator<string> {
  yield* named.keys()
  for (const digest of nameless.keys()) yield nameOf(digest)
}
