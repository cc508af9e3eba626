import { format } from 'mysql2'
import type { GeneratedData } from './generate.ts'

type Cell = string | number | boolean | null | readonly string[]

/** One JSON object a line, in pieces of many lines. */
export function jsonLines(records: Iterable<object>): Generator<string> {
  return pieces(records, (record) => JSON.stringify(record))
}

/** With a header; null is an empty field and an empty text is quoted, as `copy … with csv` has it. */
export function* csvLines(records: Iterable<object>): Generator<string> {
  let hasHeader = false
  yield* pieces(records, (record) => {
    const line = Object.values(record as Record<string, Cell>)
      .map(csvField)
      .join(',')
    if (hasHeader) return line
    hasHeader = true
    return `${Object.keys(record).join(',')}\n${line}`
  })
}

/** A script for the mysql client: the statements, then the rows of both tables. */
export function* sqlLines({
  statements,
  data,
}: {
  readonly statements: readonly string[]
  readonly data: GeneratedData
}): Generator<string> {
  yield `set names utf8mb4;\n${statements.join(';\n')};\n`
  yield* inserts('user_practice', data.practices())
  yield* inserts('user', data.internalUsers())
  yield 'create index lastname on user (lastname);\n'
}

const rowsPerInsert = 1_000

function* inserts(table: string, records: Iterable<object>): Generator<string> {
  let rows: (string | number)[][] = []
  let columns: string[] = []
  const statement = (): string => format(`insert into \`${table}\` (??) values ?;\n`, [columns, rows])
  for (const record of records) {
    columns = Object.keys(record)
    rows.push(Object.values(record as Record<string, string | number>))
    if (rows.length < rowsPerInsert) continue
    yield statement()
    rows = []
  }
  if (rows.length > 0) yield statement()
}

function* pieces(records: Iterable<object>, line: (record: object) => string): Generator<string> {
  let piece = ''
  for (const record of records) {
    piece += `${line(record)}\n`
    if (piece.length < 65_536) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}

function csvField(value: Cell): string {
  if (value === null) return ''
  const text = typeof value === 'object' ? value.join(' ') : String(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
