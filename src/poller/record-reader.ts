import type { Rejected } from '../changes/change-batch.ts'
import type { Key, Row } from '../changes/change.ts'
import { numberText, parseExact } from '../changes/canonical-text-json.ts'
import type { Column } from '../changes/column.ts'
import { compileColumn, Unfit, type ColumnReader } from './column-reader.ts'
import { compilePointer } from './json-text.ts'
import type { HttpSourceOptions } from './options.ts'
import type { PageShape } from './page-shape.ts'
import { hashTexts, seedOf } from './record-hash.ts'
import type { SinceSettings } from './since-settings.ts'

export interface PageRecord {
  /** The key as one text; null when the record has none that can be read. */
  readonly id: string | null
  readonly key: Key | null
  /** Null when it was rejected or is gone. */
  readonly row: Row | null
  readonly rejected: Rejected | null
  /** When it changed last and whether it is gone, where the API tells. */
  readonly updatedAt: string | null
  readonly deleted: boolean
  /** 64 bits over all values, or over the raw text of a rejected record. */
  readonly low: number
  readonly high: number
}

/** What the source declares about its records, compiled once. */
export interface RecordReader {
  readonly columns: readonly Column[]
  /** Changes whenever the same record would give another row. */
  readonly fingerprint: string
  /** A record that cannot be taken in is rejected. `raw`: the record as it came. */
  read(record: unknown, raw: () => string, shape: PageShape): PageRecord
  /** A record whose bytes are no UTF-8. `lossy`: its text with U+FFFD for them. */
  readBroken(lossy: string, raw: string): PageRecord
  readonly keyOf: (id: string) => Key
}

export type RecordDeclaration = Pick<
  HttpSourceOptions,
  'stream' | 'records' | 'since' | 'key' | 'columns' | 'drift'
>

export function compileRecords({ stream, key, ...options }: RecordDeclaration): RecordReader {
  const { missing = 'null', retyped = 'reject' } = options.drift ?? {}
  const fingerprint = JSON.stringify([
    key,
    options.records,
    options.columns.map(({ name, type, from }) => [name, type, from]),
    ...(missing === 'null' && retyped === 'reject' ? [] : [[missing, retyped]]),
    ...(options.since == null ? [] : [sinceDeclared(options.since)]),
  ])
  const seed = seedOf(fingerprint)
  const readers = options.columns.map((column) => compileColumn(column, { key, missing, retyped }))
  const keyReaders = key
    .map((name) => readers.find((reader) => reader.column.name === name))
    .filter((reader) => reader !== undefined)
  const members = new Set(readers.map(({ member }) => member))
  const marksOf = compileMarks(options.since ?? null)
  const out = new Uint32Array(2)
  const hashed = (texts: readonly (string | null)[]): { low: number; high: number } => {
    hashTexts(texts, seed, out)
    return { low: out[0] ?? 0, high: out[1] ?? 0 }
  }
  const idOf = (texts: Key): string => (texts.length === 1 ? (texts[0] ?? '') : JSON.stringify(texts))

  const reject = (record: unknown, raw: string, { code, reason }: Unfit): PageRecord => {
    const found = readKey(keyReaders, record)
    const rejected = { stream, key: found, code, reason, raw }
    const id = found === null ? null : idOf(found)
    return { id, key: found, row: null, rejected, ...unmarked, ...hashed(['rejected', raw]) }
  }

  return {
    columns: readers.map(({ column }) => column),
    fingerprint,
    read(record, raw, shape) {
      shape.records++
      noteUnknown(record, members, shape)
      const marks = marksOf(record)
      const gone = marks.deleted ? readKey(keyReaders, record) : null
      if (gone !== null) {
        const hash = hashed(['deleted', ...gone])
        return { id: idOf(gone), key: gone, row: null, rejected: null, ...marks, ...hash }
      }
      const row = readRow(readers, record, shape)
      if (row instanceof Unfit) return reject(record, raw(), row)
      const keyTexts = key.map((name) => row[name] ?? '')
      const hash = hashed(Object.values(row))
      return { id: idOf(keyTexts), key: keyTexts, row, rejected: null, ...marks, deleted: false, ...hash }
    },
    readBroken: (lossy, raw) => reject(parseLossy(lossy), raw, invalidUtf8),
    keyOf: (id) => (key.length === 1 ? [id] : (JSON.parse(id) as string[])),
  }
}

/** What makes another list of it: from another time on, or other records of it count as deleted. */
function sinceDeclared({ param, updatedAt, from, deleted }: SinceSettings): unknown {
  // 2: other marks say no than once did. What was taken for deleted is listed again.
  return { param, updatedAt, from, deleted: deleted === null ? null : [deleted, 2] }
}

const unmarked = { updatedAt: null, deleted: false }

type Marks = Pick<PageRecord, 'updatedAt' | 'deleted'>

function compileMarks(since: HttpSourceOptions['since'] | null): (record: unknown) => Marks {
  if (since === null || since === undefined) return () => unmarked
  const updatedAt = compilePointer(since.updatedAt)
  const deleted = since.deleted === null ? null : compilePointer(since.deleted)
  return (record) => {
    const time = updatedAt(record)
    const mark = deleted?.(record)
    return {
      updatedAt: typeof time === 'string' ? time : (numberText(time) ?? null),
      deleted: isMark(mark),
    }
  }
}

/** Also databases without booleans, and what prints them as text, say no. */
const noMarks: ReadonlySet<unknown> = new Set([undefined, null, false, '', '0', 'false'])

function isMark(mark: unknown): boolean {
  return !noMarks.has(numberText(mark) ?? mark)
}

function noteUnknown(record: unknown, members: ReadonlySet<string>, { unknown }: PageShape): void {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return
  for (const name in record) if (!members.has(name)) unknown.add(name)
}

const invalidUtf8 = new Unfit(
  'invalid-utf8',
  'the bytes of the record are not UTF-8; those that are not are written as \\xff',
)

function readRow(readers: readonly ColumnReader[], record: unknown, shape: PageShape): Row | Unfit {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    return new Unfit('not-a-record', `the record is ${kindOf(record)}, expected an object`)
  }
  const row: Record<string, string | null> = {}
  let unfit: Unfit | null = null
  // To the end also when one is unfit: what a page lacks is counted by column.
  for (const { column, read } of readers) {
    const value = read(record, shape)
    if (value instanceof Unfit) unfit ??= value
    else row[column.name] = value
  }
  return unfit ?? row
}

/** The key alone, if it can be read: by it a later good record supersedes the rejected one. */
function readKey(readers: readonly ColumnReader[], record: unknown): Key | null {
  const texts: string[] = []
  for (const { read } of readers) {
    const value = read(record, null)
    if (typeof value !== 'string' || value.includes('\ufffd')) return null
    texts.push(value)
  }
  return texts
}

function parseLossy(text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}

export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
