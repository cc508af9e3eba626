import { numberText, parseExact } from '../changes/canonical-text-json.ts'
import { OperatorError } from '../runtime/errors.ts'
import { elementSpans, compilePointer, isPointer } from './json-text.ts'
import type { HttpSourceOptions } from './options.ts'
import { decodeBody } from './page-body.ts'
import { PageShape } from './page-shape.ts'
import {
  compileRecords,
  kindOf,
  type PageRecord,
  type RecordDeclaration,
  type RecordReader,
} from './record-reader.ts'
import { UnreadablePage } from './unreadable-page.ts'

export type { PageRecord } from './record-reader.ts'

export interface PageContent {
  /** Null when the API does not say. */
  readonly total: number | null
  readonly records: readonly PageRecord[]
  /** The token or address of the next page; null on the last one, or when pages do not tell. */
  readonly next: string | null
  readonly shape: PageShape
}

/** What the source declares about its pages, checked and compiled once. */
export interface PageSchema extends Pick<RecordReader, 'columns' | 'fingerprint' | 'keyOf'> {
  /** Whether `next` stands in the pages. */
  readonly tellsNext: boolean
  /**
   * Throws an `UnreadablePage`. A record that cannot be taken in is rejected and the others are kept. `size`: records on
   * the first page; null: this is the first.
   */
  read(body: Buffer, size: number | null): PageContent
}

const defaultMaxPages = 1_000_000

type Declaration = RecordDeclaration &
  Pick<HttpSourceOptions, 'name' | 'totalPages' | 'totalRecords' | 'page' | 'maxPages'>

export function compilePageSchema(options: Declaration): PageSchema {
  check(options)
  const reader = compileRecords(options)
  const { columns, fingerprint, keyOf } = reader
  const recordsAt = compilePointer(options.records)
  const readTotal = compileTotal(options)
  const nextPointer = 'next' in options.page ? options.page.next : null
  const nextAt = nextPointer === null ? null : compilePointer(nextPointer)
  return {
    ...{ columns, fingerprint, keyOf },
    tellsNext: nextAt !== null,
    read(body, size) {
      const { text, broken } = decodeBody(body, options.records)
      const page = parse(text)
      const found = recordsAt(page)
      if (!Array.isArray(found)) throw wrongShape('records', options.records, found, 'an array of records')
      const total = readTotal(page, size ?? found.length)
      const shape = new PageShape()
      let spans: [number, number][] | null = null
      const records = found.map((record: unknown, index) => {
        const lossy = broken.get(index)
        if (lossy !== undefined) return reader.readBroken(lossy.text, lossy.raw)
        const raw = (): string => {
          spans ??= elementSpans(text, options.records)
          return text.slice(...(spans[index] ?? [0, 0]))
        }
        return reader.read(record, raw, shape)
      })
      const next = nextAt === null ? null : readNext(nextAt(page), nextPointer ?? '')
      return { total, records, next, shape }
    },
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

type ReadTotal = (document: unknown, size: number) => number | null

/**
 * The number of pages that a page announces, or null when it announces none. Where it announces records, these are
 * counted by the `size` of the first page: an API may give fewer than it is asked for.
 */
function compileTotal({
  totalPages,
  totalRecords,
  page,
  maxPages = defaultMaxPages,
}: Declaration): ReadTotal {
  const pointer = totalPages ?? totalRecords ?? null
  if (pointer === null) return () => null
  const totalAt = compilePointer(pointer)
  const limit = totalPages !== null ? 1 : page.by === 'offset' ? page.limit : Infinity
  const what = totalPages === null ? 'records' : 'pages'
  return (document, size) => {
    const perPage = size === 0 ? limit : Math.min(size, limit)
    const total = wholeNumber(totalAt(document), { what, pointer })
    if (total >= 0 && total / perPage <= maxPages) return Math.ceil(total / perPage)
    const tooMany = total < 0 ? '' : `, more than the ${maxPages * perPage} that are believed`
    throw new UnreadablePage(
      'page-shape',
      `announces ${total} ${what}${tooMany}`,
      `Ask for the page with curl: is the number of ${what} really at "${pointer}"? If so, raise \`maxPages\` of the source, or tell the operator of the API.`,
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
