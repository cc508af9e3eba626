import type { Json } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'

/** An id as the ledger stores it: a number where that is the same text, for its size. */
export type StoredId = string | number

/** What the ledger knows of a page, under `page/<n>`: as it was when something of it last changed. */
export interface PageLine {
  /** The sweep that wrote the line. */
  readonly sweep: number
  /** Of the body and the declaration of the source. */
  readonly hash: string
  readonly total: number | null
  /** Records on the page, those without an id included. */
  readonly count: number
  readonly ids: readonly StoredId[]
  /** 8 bytes for each id: the hash of its record. */
  readonly rows: Buffer
  /** Records without an id that can be read: hash and the sweep in which it first appeared. */
  readonly nameless: readonly (readonly [hash: string, since: number])[]
}

/** The end of the last sweep, under `sweep`. */
export interface SweepLine {
  readonly number: number
  readonly pages: number
  readonly records: number
  /** Hash of the ids of all pages in order. */
  readonly vector: string
  readonly complete: boolean
  readonly stable: boolean
  /** Consecutive sweeps, this one included, that saw this vector and may prove an absence, and the first of them. */
  readonly agreeing: number
  readonly agreeingFrom: number
  readonly startedAt: number
  readonly endedAt: number
}

export function storeId(id: string): StoredId {
  const number = Number(id)
  return Number.isSafeInteger(number) && String(number) === id ? number : id
}

export function pageLineJson({ rows, ...line }: PageLine): Json {
  return { ...line, rows: rows.toString('base64') }
}

export function parsePageLine(key: string, value: Json): PageLine {
  const line = value as unknown as Omit<PageLine, 'rows'> & { rows: string }
  if (typeof line !== 'object' || !Array.isArray(line.ids) || typeof line.rows !== 'string')
    throw unreadable(key)
  const rows = Buffer.from(line.rows, 'base64')
  if (rows.length !== line.ids.length * 8) throw unreadable(key)
  return { ...line, rows }
}

export function unreadable(key: string): OperatorError {
  return new OperatorError({
    code: 'ledger-unreadable',
    area: 'data',
    message: `the ledger line ${key} of a paged API cannot be read`,
    hint: 'Resync the stream; if Syncline was downgraded, go back to the newer version.',
  })
}
