import type { Rejected } from '../changes/change-batch.ts'
import type { Key, Row } from '../changes/change.ts'
import type { Column } from '../changes/column.ts'
import { numberText, parseExact } from '../changes/canonical-text-json.ts'
import { OperatorError } from '../runtime/errors.ts'
import { compileColumn, Unfit, type ColumnReader } from './column-reader.ts'
import { compilePointer, elementSpans, isPointer } from './json-text.ts'
import type { HttpSourceOptions } from './options.ts'
import { hashTexts, seedOf } from './record-hash.ts'
import { UnreadablePage } from './unreadable-page.ts'

export interface PageRecord {
  /** The key as one text; null when the record has none that can be read. */
  readonly id: string | null
  readonly key: Key | null
  /** Null when it was rejected. */
  readonly row: Row | null
  readonly rejected: Rejected | null
  /** 64 bits over all values, or over the raw text of a rejected record. */
  readonly low: number
  readonly high: number
}

export interface PageContent {
  /** Null when the API does not say. */
  readonly total: number | null
  readonly records: readonly PageRecord[]
  /** The token or address of the next page; null on the last one, or when pages do not tell. */
  readonly next: string | null
}

/** What the source declares about its pages, checked and compiled once. */
export interface PageSchema {
  readonly columns: readonly Column[]
  /** Changes whenever the same body would give other rows. */
  readonly fingerprint: string
  /** Whether `next` stands in the pages. */
  readonly tellsNext: boolean
  /** Throws an `UnreadablePage`. A record that cannot be taken in is rejected and the others are kept. */
  read(body: Buffer): PageContent
  keyOf(id: string): Key
}

const defaultMaxPages = 1_000_000

type Declaration = Pick<
  HttpSourceOptions,
  'name' | 'stream' | 'records' | 'totalPages' | 'totalRecords' | 'page' | 'key' | 'columns' | 'maxPages'
>

export function compilePageSchema(options: Declaration): PageSchema {
  check(options)
  const { key, stream } = options
  const fingerprint = JSON.stringify([
    key,
    options.records,
    options.columns.map(({ name, type, from }) => [name, type, from]),
  ])
  const seed = seedOf(fingerprint)
  const readers = options.columns.map((column) => compileColumn(column, key))
  const keyReaders = key
    .map((name) => readers.find((reader) => reader.column.name === name))
    .filter((r) => r !== undefined)
  const recordsAt = compilePointer(options.records)
  const readTotal = compileTotal(options)
  const nextPointer = 'next' in options.page ? options.page.next : null
  const nextAt = nextPointer === null ? null : compilePointer(nextPointer)
  const out = new Uint32Array(2)
  const hashed = (texts: readonly (string | null)[]): { low: number; high: number } => {
    hashTexts(texts, seed, out)
    return { low: out[0] ?? 0, high: out[1] ?? 0 }
  }
  const idOf = (texts: Key): string => (texts.length === 1 ? (texts[0] ?? '') : JSON.stringify(texts))

  const reject = (record: unknown, raw: string, { code, reason }: Unfit): PageRecord => {
    const found = readKey(keyReaders, record)
    const rejected = { stream, key: found, code, reason, raw }
    return {
      id: found === null ? null : idOf(found),
      key: found,
      row: null,
      rejected,
      ...hashed(['rejected', raw]),
    }
  }

  const take = (record: unknown, raw: () => string): PageRecord => {
    const row = readRow(readers, record)
    if (row instanceof Unfit) return reject(record, raw(), row)
    const keyTexts = key.map((name) => row[name] ?? '')
    return { id: idOf(keyTexts), key: keyTexts, row, rejected: null, ...hashed(Object.values(row)) }
  }

  return {
    columns: readers.map((reader) => reader.column),
    fingerprint,
    tellsNext: nextAt !== null,
    keyOf: (id) => (key.length === 1 ? [id] : (JSON.parse(id) as string[])),
    read(body) {
      const { text, broken } = decode(body, options.records)
      const page = parse(text)
      const found = recordsAt(page)
      if (!Array.isArray(found)) throw wrongShape('records', options.records, found, 'an array of records')
      const total = readTotal(page)
      let spans: [number, number][] | null = null
      const records = found.map((record: unknown, index) => {
        const lossy = broken.get(index)
        if (lossy !== undefined) return reject(parseLossy(lossy.text), lossy.raw, invalidUtf8)
        return take(record, () => {
          spans ??= elementSpans(text, options.records)
          return text.slice(...(spans[index] ?? [0, 0]))
        })
      })
      return { total, records, next: nextAt === null ? null : readNext(nextAt(page), nextPointer ?? '') }
    },
  }
}

const invalidUtf8 = new Unfit(
  'invalid-utf8',
  'the bytes of the record are not UTF-8; those that are not are written as \\xff',
)

function readRow(readers: readonly ColumnReader[], record: unknown): Row | Unfit {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    return new Unfit('not-a-record', `the record is ${kindOf(record)}, expected an object`)
  }
  const row: Record<string, string | null> = {}
  for (const { column, read } of readers) {
    const value = read(record)
    if (value instanceof Unfit) return value
    row[column.name] = value
  }
  return row
}

/** The key alone, if it can be read: by it a later good record supersedes the rejected one. */
function readKey(readers: readonly ColumnReader[], record: unknown): Key | null {
  const texts: string[] = []
  for (const { read } of readers) {
    const value = read(record)
    if (typeof value !== 'string' || value.includes('\ufffd')) return null
    texts.push(value)
  }
  return texts
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

interface BrokenRecord {
  /** With U+FFFD for what is no UTF-8: good enough to find the key. */
  readonly text: string
  /** Nothing of it is lost. */
  readonly raw: string
}

const utf8Sequence =
  /([\0-\x7f]+|[\xc2-\xdf][\x80-\xbf]|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2})|[\x80-\xff]/g

/** Text, and `\xff` for each byte that is no part of any. */
function spellOutBytes(bytes: Buffer): string {
  const spelled = bytes
    .toString('latin1')
    .replace(utf8Sequence, (found, text?: string) => text ?? `\\x${found.charCodeAt(0).toString(16)}`)
  return Buffer.from(spelled, 'latin1').toString('utf8')
}

/** Where bytes are no UTF-8, only the records that hold them are lost: `null` stands in their place. */
function decode(body: Buffer, records: string): { text: string; broken: ReadonlyMap<number, BrokenRecord> } {
  const broken = new Map<number, BrokenRecord>()
  try {
    return { text: utf8.decode(body), broken }
  } catch {
    // The structure of JSON is ASCII, so one character a byte shows where the records are.
    const pieces: string[] = []
    let end = 0
    elementSpans(body.toString('latin1'), records).forEach(([start, stop], index) => {
      const bytes = body.subarray(start, stop)
      const lossy = bytes.toString('utf8')
      const isBroken = !Buffer.from(lossy).equals(bytes)
      if (isBroken) broken.set(index, { text: lossy, raw: spellOutBytes(bytes) })
      pieces.push(body.toString('utf8', end, start), isBroken ? 'null' : lossy)
      end = stop
    })
    return { text: pieces.join('') + body.toString('utf8', end), broken }
  }
}

function parse(text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    // The parser's message quotes the body, which may hold anything.
    const looksLike = /^\s*</.test(text) ? 'is HTML or XML, not JSON' : 'is not complete JSON'
    throw new UnreadablePage('not-json', text.trim() === '' ? 'is empty, not JSON' : looksLike)
  }
}

function parseLossy(text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}

/** The number of pages that a page announces, or null when it announces none. */
function compileTotal({ totalPages, totalRecords, page, maxPages = defaultMaxPages }: Declaration) {
  const pointer = totalPages ?? totalRecords ?? null
  if (pointer === null) return () => null
  const totalAt = compilePointer(pointer)
  const perPage = totalPages === null && page.by === 'offset' ? page.limit : 1
  const what = totalPages === null ? 'records' : 'pages'
  return (document: unknown): number => {
    const total = wholeNumber(totalAt(document), { what, pointer })
    if (total >= 0 && total / perPage <= maxPages) return Math.ceil(total / perPage)
    const limit = total < 0 ? '' : `, more than the ${maxPages * perPage} that are believed`
    throw new UnreadablePage(
      'page-shape',
      `announces ${total} ${what}${limit}`,
      `Ask for the page with curl: is the number of ${what} really at "${pointer}"? If so, tell the operator of the API.`,
    )
  }
}

function wholeNumber(value: unknown, { what, pointer }: { what: string; pointer: string }): number {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isInteger(number)) return number
  throw wrongShape(`the number of ${what}`, pointer, value, 'a whole number')
}

/** Nothing, null, false and an empty text all mean that there is no next page. */
function readNext(value: unknown, pointer: string): string | null {
  if (value === undefined || value === null || value === false || value === '') return null
  const text = typeof value === 'string' ? value : numberText(value)
  if (text === undefined) throw wrongShape('the next page', pointer, value, 'a text or a number')
  return text
}

function wrongShape(what: string, pointer: string, found: unknown, expected: string): UnreadablePage {
  return new UnreadablePage(
    'page-shape',
    `has ${kindOf(found)} at "${pointer}", where ${what} should be: expected ${expected}`,
  )
}

export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function check({ name, key, columns, records, totalPages, totalRecords, page }: Declaration): void {
  const names = columns.map((column) => column.name)
  const repeated = names.find((column, index) => names.indexOf(column) !== index)
  const unknown = key.find((column) => !names.includes(column))
  const pointers = [
    records,
    totalPages ?? '',
    totalRecords ?? '',
    'next' in page ? page.next : '',
    ...columns.map((column) => column.from ?? ''),
  ]
  const bad = pointers.find((pointer) => !isPointer(pointer))
  const fail = (code: string, message: string, hint: string): never => {
    throw new OperatorError({ code, area: 'configuration', message: `source ${name}: ${message}`, hint })
  }
  if (key.length === 0)
    fail('key-missing', 'no key is declared', 'Name the columns that identify a record in `key`.')
  if (unknown !== undefined) {
    fail(
      'key-unknown',
      `the key column "${unknown}" is not among the columns`,
      `Add "${unknown}" to \`columns\`.`,
    )
  }
  if (repeated !== undefined)
    fail('column-repeated', `the column "${repeated}" is declared twice`, 'Remove one.')
  if (bad !== undefined) {
    fail(
      'pointer-invalid',
      `"${bad}" is not a JSON pointer`,
      'Write it as in RFC 6901, for instance `/data/users`.',
    )
  }
}
