import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { OperatorError } from '../runtime/errors.ts'

/**
 * One line of a truth file. Both ids: the two records are one person (who may have several on either side: one line
 * for each pair). One id: the record has no counterpart. Ids are the records' keys as the source prints them, or a
 * JSON array for keys of several columns.
 */
export interface TruthRow {
  readonly left: string | null
  readonly right: string | null
  /** Whether the data can decide who this is at all; accuracy is reported over those and over all. */
  readonly decidable: boolean
}

const rowsPerPiece = 10_000

/**
 * Reads a CSV file with the header `left_id,right_id` or `left_id,right_id,decidable` in pieces of bounded size.
 * Throws an `OperatorError` (`truth-invalid`) that names the line.
 */
export async function* readTruth(file: string): AsyncGenerator<TruthRow[]> {
  let piece: TruthRow[] = []
  let places: Places | null = null
  let number = 0
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      number++
      if (line === '') continue
      if (places === null) {
        places = readHeader(line, file)
        continue
      }
      piece.push(readRow(line, places, `${file}:${number}`))
      if (piece.length < rowsPerPiece) continue
      yield piece
      piece = []
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw invalid(`${file} cannot be read`, error)
  }
  if (places === null) throw invalid(`${file} is empty`)
  if (piece.length > 0) yield piece
}

interface Places {
  readonly left: number
  readonly right: number
  /** -1: all records are decidable. */
  readonly decidable: number
  readonly width: number
}

function readHeader(line: string, file: string): Places {
  const names = splitCsv(line.replace(/^\ufeff/, ''), `${file}:1`).map((name) => name?.trim())
  const [left, right] = [names.indexOf('left_id'), names.indexOf('right_id')]
  if (left === -1 || right === -1) throw invalid(`${file}:1: the header must name left_id and right_id`)
  return { left, right, decidable: names.indexOf('decidable'), width: names.length }
}

function readRow(line: string, { left, right, decidable, width }: Places, where: string): TruthRow {
  const cells = splitCsv(line, where)
  if (cells.length !== width) throw invalid(`${where}: ${cells.length} fields, the header has ${width}`)
  const row = { left: cells[left] ?? null, right: cells[right] ?? null }
  if (row.left === null && row.right === null) throw invalid(`${where}: neither left_id nor right_id`)
  return { ...row, decidable: decidable === -1 || readBoolean(cells[decidable] ?? null, where) }
}

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  t: true,
  '1': true,
  false: false,
  f: false,
  '0': false,
}

function readBoolean(cell: string | null, where: string): boolean {
  const value = booleans[cell?.trim().toLowerCase() ?? '']
  if (value === undefined) throw invalid(`${where}: decidable is neither true nor false`)
  return value
}

/** The fields of a line, null for an empty one that is not quoted. Quoted fields may not hold line breaks. */
function splitCsv(line: string, where: string): (string | null)[] {
  if (!line.includes('"')) return line.split(',').map((cell) => (cell === '' ? null : cell))
  const cells: (string | null)[] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y
  while (cell.lastIndex <= line.length) {
    const match = cell.exec(line)
    if (match === null) throw invalid(`${where}: a quote is not closed, or stands inside a field`)
    const [, quoted, plain, end] = match
    cells.push(quoted === undefined ? (plain ?? '') || null : quoted.replaceAll('""', '"'))
    if (end !== ',') break
  }
  return cells
}

function invalid(message: string, cause?: unknown): OperatorError {
  return new OperatorError({
    area: 'usage',
    code: 'truth-invalid',
    message,
    hint: 'give a CSV file with the header left_id,right_id or left_id,right_id,decidable',
    cause,
  })
}
