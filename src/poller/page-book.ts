import { createHash, type Hash } from 'node:crypto'
import type { Change } from '../changes/change.ts'
import type { ChangeBatch, Rejected } from '../changes/change-batch.ts'
import type { Ledger, LedgerEntry } from '../changes/ledger.ts'
import { IdTable } from './id-table.ts'
import {
  pageLineJson,
  parsePageLine,
  storeId,
  unreadable,
  type PageLine,
  type StoredId,
  type SweepLine,
} from './page-line.ts'
import type { PageContent, PageRecord, PageSchema } from './page-schema.ts'

/** What one page adds to a batch. */
export type PageOutcome = Pick<ChangeBatch, 'changes' | 'rejected' | 'ledger'>

const nothing: PageOutcome = { changes: [], rejected: [], ledger: [] }

/** The ids of a page in their order, and what stands there without one, as one short text. */
export function vectorOfPage(content: PageContent): string {
  const { ids, nameless } = namesOf(content)
  return vectorOf(ids, nameless)
}

export interface PageFacts {
  readonly count: number
  readonly fresh: number
  readonly repeatOf: number | null
}

/**
 * The ledger of the pages as this process knows it, committed or about to be. It tells which records really
 * differ from what was last taken in, whatever page they stand on, and which ids were not seen.
 *
 * No id is ever lost from it: one that leaves its page before it was seen elsewhere waits under `left/<n>`, one
 * that a trustworthy sweep lacked under `missing/<id>`.
 */
export class PageBook {
  readonly table = new IdTable()
  readonly lines = new Map<number, PageLine>()
  /** Ids that left a page and were not seen since. */
  readonly left = new Map<number, readonly StoredId[]>()
  /** Ids that a sweep lacked, with the number of that sweep. */
  readonly missing = new Map<string, number>()
  readonly #schema: PageSchema
  readonly #stream: string
  /** Nameless records that were known before this sweep or in it. */
  readonly #nameless = new Map<string, number>()
  #vectors = new Map<string, number>()
  #vector: Hash = createHash('sha256')
  #sweep: SweepLine | null = null
  #fingerprint: string | null = null

  private constructor(schema: PageSchema, stream: string) {
    this.#schema = schema
    this.#stream = stream
  }

  static async load(ledger: Ledger, schema: PageSchema, stream: string): Promise<PageBook> {
    const book = new PageBook(schema, stream)
    for await (const { key, value } of ledger.scan('page/')) {
      book.lines.set(pageNumber(key), parsePageLine(key, value))
    }
    for await (const { key, value } of ledger.scan('left/')) {
      if (!Array.isArray(value)) throw unreadable(key)
      book.left.set(pageNumber(key), value as readonly StoredId[])
    }
    for await (const { key, value } of ledger.scan('missing/')) {
      if (typeof value !== 'number') throw unreadable(key)
      book.missing.set(decodeURIComponent(key.slice('missing/'.length)), value)
    }
    book.#sweep = ((await ledger.get('sweep')) ?? null) as SweepLine | null
    const source = (await ledger.get('source')) as { fingerprint?: string } | undefined
    book.#fingerprint = source?.fingerprint ?? null
    book.#fillTable()
    return book
  }

  /** The end of the last sweep that ended. */
  get lastSweep(): SweepLine | null {
    return this.#sweep
  }

  recordSweep(line: SweepLine): void {
    this.#sweep = line
  }

  /** Whether the lines were written under the same declaration of the source. */
  get isCurrent(): boolean {
    return this.#fingerprint === this.#schema.fingerprint
  }

  /** The sweep in which the newest nameless record appeared that is still there; 0 without one. */
  newestNameless(pages: number): number {
    let newest = 0
    for (const [page, line] of this.lines) {
      if (page > pages) continue
      for (const [, since] of line.nameless) newest = Math.max(newest, since)
    }
    return newest
  }

  /** A record's hash counts as it was last taken in: in the order in which the lines were written. */
  #fillTable(): void {
    const inOrder = [...this.lines].sort(([a, one], [b, other]) => one.sweep - other.sweep || a - b)
    for (const [, line] of inOrder) {
      line.ids.forEach((id, index) => {
        this.table.setRow(this.table.slot(String(id)), ...rowHash(line, index))
      })
      for (const [hash, since] of line.nameless) this.#nameless.set(hash, since)
    }
  }

  /** Starts a sweep; pages up to `after` were taken in by it before a restart. */
  beginSweep(after: number): LedgerEntry[] {
    this.table.beginSweep()
    this.#vectors = new Map()
    this.#vector = createHash('sha256')
    for (let page = 1; page <= after; page++) {
      const line = this.lines.get(page)
      if (line !== undefined) this.#see(page, line)
    }
    if (this.isCurrent) return []
    this.#fingerprint = this.#schema.fingerprint
    return [{ key: 'source', value: { fingerprint: this.#schema.fingerprint } }]
  }

  vector(): string {
    return this.#vector.copy().digest('hex').slice(0, 32)
  }

  /** How a page looks before it is taken in. */
  inspect(page: number, content: PageLine | PageContent): PageFacts {
    const { ids, nameless } = 'ids' in content ? content : namesOf(content)
    const count = 'ids' in content ? content.count : content.records.length
    const repeatOf = this.#vectors.get(vectorOf(ids, nameless)) ?? null
    if (repeatOf !== null) return { count, fresh: 0, repeatOf }
    let known = 0
    for (const id of ids) {
      const seenOn = this.table.page(String(id))
      if (seenOn !== 0 && seenOn !== page) known++
    }
    return { count, fresh: count - known, repeatOf }
  }

  /** Takes in a page whose body is that of its line; null when its records must be compared one by one. */
  takeUnchanged(page: number, line: PageLine): PageOutcome | null {
    const ids = line.ids.map(String)
    const same = ids.every((id, index) => this.table.sameRow(this.table.slot(id), ...rowHash(line, index)))
    if (!same) return null
    this.#see(page, line)
    return nothing
  }

  /** Takes in a page: what differs from before becomes a change, a rejection or a line. */
  take(
    page: number,
    { content, hash, sweep }: { content: PageContent; hash: string; sweep: number },
  ): PageOutcome {
    const changes: Change[] = []
    const nobody: Rejected[] = []
    /** By id: what is rejected comes after what is changed, so a good record later on the page takes it out again. */
    const rejected = new Map<string, Rejected>()
    const ledger: LedgerEntry[] = []
    const hashes = new Map<string, PageRecord>()
    const nameless: [string, number][] = []
    for (const record of content.records) {
      if (record.id === null) {
        const [name, isNew] = this.#noteNameless(record, sweep)
        nameless.push(name)
        if (isNew && record.rejected !== null) nobody.push(record.rejected)
        continue
      }
      hashes.set(record.id, record)
      const slot = this.table.slot(record.id)
      if (this.table.sameRow(slot, record.low, record.high)) continue
      this.table.setRow(slot, record.low, record.high)
      if (record.rejected !== null) rejected.set(record.id, record.rejected)
      else if (record.row !== null && record.key !== null) {
        rejected.delete(record.id)
        changes.push({ kind: 'upsert', stream: this.#stream, key: record.key, row: record.row })
      }
    }
    const ids = [...hashes.keys()]
    for (const id of ids) {
      if (this.missing.delete(id)) ledger.push({ key: missingKey(id), value: undefined })
    }
    const line: PageLine = {
      sweep,
      hash,
      total: content.total,
      count: content.records.length,
      ids: ids.map(storeId),
      rows: packRows(hashes.values(), hashes.size),
      nameless,
    }
    this.#see(page, line)
    ledger.push(...this.#replaceLine(page, line))
    return { changes, rejected: [...nobody, ...rejected.values()], ledger }
  }

  #noteNameless(record: PageRecord, sweep: number): [line: [string, number], isNew: boolean] {
    const hash = hexOf(record)
    const since = this.#nameless.get(hash)
    this.#nameless.set(hash, since ?? sweep)
    return [[hash, since ?? sweep], since === undefined]
  }

  #replaceLine(page: number, line: PageLine): LedgerEntry[] {
    const old = this.lines.get(page)
    this.lines.set(page, line)
    const left = new Set<StoredId>()
    for (const id of [...(old?.ids ?? []), ...(this.left.get(page) ?? [])]) {
      if (this.isUnseen(String(id))) left.add(id)
    }
    const entries: LedgerEntry[] = [{ key: `page/${page}`, value: pageLineJson(line) }]
    if (left.size > 0 || this.left.has(page)) entries.push(this.setLeft(page, [...left]))
    return entries
  }

  setLeft(page: number, ids: readonly StoredId[]): LedgerEntry {
    if (ids.length === 0) this.left.delete(page)
    else this.left.set(page, ids)
    return { key: `left/${page}`, value: ids.length === 0 ? undefined : ids }
  }

  /** Known, not seen in this sweep and not yet counted as missing. */
  isUnseen(id: string): boolean {
    return this.table.page(id) === 0 && !this.missing.has(id)
  }

  #see(page: number, { ids, nameless }: PageLine): void {
    for (const id of ids) this.table.see(this.table.slot(String(id)), page)
    const vector = vectorOf(ids, nameless)
    if (ids.length + nameless.length > 0 && !this.#vectors.has(vector)) this.#vectors.set(vector, page)
    this.#vector.update(vector)
  }
}

export const missingKey = (id: string): string => `missing/${encodeURIComponent(id)}`

const pageNumber = (key: string): number => Number(key.slice(key.indexOf('/') + 1))

const rowHash = ({ rows }: PageLine, index: number): [low: number, high: number] => [
  rows.readUInt32LE(index * 8),
  rows.readUInt32LE(index * 8 + 4),
]

function packRows(records: Iterable<PageRecord>, count: number): Buffer {
  const rows = Buffer.alloc(count * 8)
  let at = 0
  for (const { low, high } of records) {
    rows.writeUInt32LE(low, at)
    rows.writeUInt32LE(high, at + 4)
    at += 8
  }
  return rows
}

const hexOf = ({ low, high }: PageRecord): string =>
  low.toString(16).padStart(8, '0') + high.toString(16).padStart(8, '0')

function namesOf({ records }: PageContent): Pick<PageLine, 'ids' | 'nameless'> {
  const ids = new Set(records.flatMap(({ id }) => (id === null ? [] : [storeId(id)])))
  const nameless = records.filter(({ id }) => id === null).map((record) => [hexOf(record), 0] as const)
  return { ids: [...ids], nameless }
}

function vectorOf(ids: readonly StoredId[], nameless: PageLine['nameless']): string {
  const names = JSON.stringify([ids, nameless.map(([hash]) => hash)])
  return createHash('sha1').update(names).digest('base64')
}
