import type { Json } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'

/** An id as the ledger stores it: a number where that is the same text, for its size. */
export type StoredId = string | number

/** A record without an id that can be read: the SHA-256 of its raw form in hex, and the sweep in which it first came. */
export type Nameless = readonly [digest: string, since: number]

/** What stood on a page when something of it last changed, under `page/<n>`. */
export interface PageLine {
  /** Of the declaration under which it was read; row hashes of other editions say nothing. */
  readonly edition: string
  readonly ids: readonly StoredId[]
  /** 8 bytes for each id: the hash of its record, zero when it must be delivered again. */
  readonly rows: Buffer
  readonly nameless: readonly Nameless[]
}

/** What left its page and was not found again yet, under `left/<sweep>/<n>`, of a page read by itself with `/<probe>`. */
export interface LeftLine extends PageLine {
  readonly sweep: number
}

/** When and how a page was last read, under `read/<n>`. */
export interface PageRead {
  readonly edition: string
  /** Of the body; null when the next body counts as changed whatever it is. */
  readonly hash: string | null
  /** The announced number of pages. */
  readonly total: number | null
  /** Records on the page, those without an id included. */
  readonly count: number
  /** Different ids on the page. */
  readonly known: number
  /** Hash of the ids in their order. */
  readonly vector: string
  /** What the API called this version of the page. */
  readonly etag: string | null
  readonly lastModified: string | null
  /** Where the next page is, if only this one tells. */
  readonly next: string | null
  /** Milliseconds since the epoch. */
  readonly readAt: number
  readonly changedAt: number
}

/** The end of the last sweep, under `sweep`. */
export interface SweepLine {
  readonly number: number
  readonly pages: number
  /** The last page that held records, also of those that are pending; lines of earlier versions have none. */
  readonly extent?: number
  readonly records: number
  /** Records that were known when none was pending last: the whole of which a share may go. Not in lines of earlier versions. */
  readonly whole?: number
  /** Hash of the ids of all pages in order. */
  readonly vector: string
  readonly complete: boolean
  readonly stable: boolean
  /**
   * Consecutive sweeps, this one included, that saw this vector and may prove an absence; 0 as soon as any page is read
   * with other ids.
   */
  readonly agreeing: number
  /** Records on no page any more that wait for a sweep that proves it. */
  readonly pending: number
  readonly startedAt: number
  readonly endedAt: number
}

/** Keys in the order of the pages. */
const padded = (page: number): string => String(page).padStart(10, '0')
export const pageKey = (page: number): string => `page/${padded(page)}`
export const readKey = (page: number): string => `read/${padded(page)}`
export const leftKey = (sweep: number, page: number, probe = 0): string =>
  `left/${padded(sweep)}/${padded(page)}${probe === 0 ? '' : `/${padded(probe)}`}`
export const pageOfKey = (key: string): number => Number(key.slice(key.lastIndexOf('/') + 1))

export function storeId(id: string): StoredId {
  const number = Number(id)
  return Number.isSafeInteger(number) && String(number) === id ? number : id
}

export function lineJson({ rows, ...line }: PageLine | LeftLine): Json {
  return { ...line, rows: rows.toString('base64') }
}

export function parseLine(key: string, value: Json): PageLine {
  const line = value as unknown as Omit<PageLine, 'rows'> & { rows: string }
  if (typeof line !== 'object' || !Array.isArray(line.ids) || typeof line.rows !== 'string')
    throw unreadable(key)
  const rows = Buffer.from(line.rows, 'base64')
  if (rows.length !== line.ids.length * 8) throw unreadable(key)
  return { ...line, rows }
}

export function parseLeftLine(key: string, value: Json): LeftLine {
  const line = parseLine(key, value) as Partial<LeftLine> & PageLine
  if (typeof line.sweep !== 'number') throw unreadable(key)
  return { ...line, sweep: line.sweep }
}

export function parseRead(key: string, value: Json): PageRead {
  const read = value as unknown as PageRead
  if (typeof read !== 'object' || typeof read.count !== 'number' || typeof read.vector !== 'string')
    throw unreadable(key)
  return read
}

function unreadable(key: string): OperatorError {
  return new OperatorError({
    code: 'ledger-unreadable',
    area: 'data',
    message: `the ledger line ${key} of a paged API cannot be read`,
    hint: 'Resync the stream; if Syncline was downgraded, go back to the newer version.',
  })
}

/** A line to look ids up in. */
export class LineIndex {
  readonly line: PageLine
  readonly #places: ReadonlyMap<string, number>
  readonly #nameless: ReadonlyMap<string, number>

  constructor(line: PageLine) {
    this.line = line
    this.#places = new Map(line.ids.map((id, place) => [String(id), place]))
    this.#nameless = new Map(line.nameless)
  }

  has(id: string): boolean {
    return this.#places.has(id)
  }

  /** Whether the line holds the record with this very hash, made under this edition. */
  hasRow(id: string, { low, high }: RowHash, edition: string): boolean {
    const place = this.#places.get(id)
    if (place === undefined || this.line.edition !== edition) return false
    const row = rowAt(this.line, place)
    return row.low === low && row.high === high
  }

  /** The sweep in which the nameless record first came. */
  namelessSince(digest: string): number | undefined {
    return this.#nameless.get(digest)
  }
}

/** 64 bits over the values of a record. */
export interface RowHash {
  readonly low: number
  readonly high: number
}

export function rowAt({ rows }: PageLine, place: number): RowHash {
  return { low: rows.readUInt32LE(place * 8), high: rows.readUInt32LE(place * 8 + 4) }
}

export function packRows(hashes: Iterable<RowHash>, count: number): Buffer {
  const rows = Buffer.alloc(count * 8)
  let at = 0
  for (const { low, high } of hashes) {
    rows.writeUInt32LE(low, at)
    rows.writeUInt32LE(high, at + 4)
    at += 8
  }
  return rows
}
