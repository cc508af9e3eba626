import type { Json, Ledger, LedgerEntry } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Cursor } from './chunk-select.ts'
import type { CursorPart } from './rows/value-codec.ts'

/**
 * The snapshot's bookkeeping. `snapshot` is the run under way, `snapshot/<stream>` how far it is with a table. The
 * run's starting position is not repeated here: it is the log part of the source's position.
 */
export interface RunLine {
  readonly run: number
  readonly state: 'running' | 'done'
  /** The streams that the run began with, in their order. */
  readonly streams: readonly string[]
}

export interface TableLine {
  readonly run: number
  readonly state: 'running' | 'done'
  readonly lastKey: Cursor | null
  /** Rows seen so far, rejected ones included. */
  readonly rows: number
  /** Of the columns and the key; rows read under another one do not go together with ours. */
  readonly fingerprint: string
}

const runKey = 'snapshot'

export function runEntry(line: RunLine): LedgerEntry {
  return { key: runKey, value: { run: line.run, state: line.state, streams: line.streams } }
}

export function tableEntry(stream: string, line: TableLine): LedgerEntry {
  const { run, state, lastKey, rows, fingerprint } = line
  return { key: `snapshot/${stream}`, value: { run, state, lastKey, rows, fingerprint } }
}

export async function readRunLine(ledger: Ledger): Promise<RunLine | null> {
  const line = fieldsOf(await ledger.get(runKey))
  if (line === null) return null
  const { run, state, streams } = line
  if (!isCount(run) || !isState(state) || !Array.isArray(streams)) throw unreadable(runKey)
  return { run, state, streams: streams.map(String) }
}

export async function readTableLine(ledger: Ledger, stream: string): Promise<TableLine | null> {
  const key = `snapshot/${stream}`
  const line = fieldsOf(await ledger.get(key))
  if (line === null) return null
  const { run, state, lastKey, rows, fingerprint } = line
  if (
    !isCount(run) ||
    !isState(state) ||
    !isCount(rows) ||
    typeof fingerprint !== 'string' ||
    !isCursor(lastKey)
  ) {
    throw unreadable(key)
  }
  return { run, state, lastKey, rows, fingerprint }
}

function fieldsOf(value: Json | undefined): Readonly<Record<string, Json | undefined>> | null {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, Json | undefined>>)
    : null
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isState(value: Json | undefined): value is 'running' | 'done' {
  return value === 'running' || value === 'done'
}

function isCursor(value: Json | undefined): value is null | (string | { readonly hex: string })[] {
  return value === null || (Array.isArray(value) && value.every(isCursorPart))
}

function isCursorPart(part: Json): part is CursorPart & Json {
  return typeof part === 'string' || typeof fieldsOf(part)?.hex === 'string'
}

function unreadable(key: string): OperatorError {
  return new OperatorError({
    code: 'ledger-unreadable',
    message: `the snapshot’s ledger line ${key} cannot be read`,
    hint: 'It was changed by hand or written by a newer version; run `syncline resync` for the stream.',
    area: 'data',
  })
}
