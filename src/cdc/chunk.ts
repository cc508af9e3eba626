import { TransientError } from '../runtime/errors.ts'
import { selectChunk, type Cursor } from './chunk-select.ts'
import type { Connection, WireValue } from './connection.ts'
import { isReached, type LogPosition } from './log-position.ts'
import { readConsistentFile, readHigh, waitForGtidSet, type Barrier } from './log.ts'
import { RowDecoder, UndecidedText, type DecodedRow, type RejectedRow } from './rows/row-decoder.ts'
import type { Table } from './table.ts'

export interface ChunkOptions {
  readonly connection: Connection
  readonly table: Table
  /** The last place already read; null to begin with the first row. */
  readonly after: Cursor | null
  /** At most so many rows … */
  readonly limit: number
  /** … and, but for one row, at most so many bytes: beyond them the chunk is cut and its connection dropped. */
  readonly maxBytes: number
  /**
   * S0, asked for anew at each attempt: the last commit that the stream delivered, or where the log stands when
   * nothing is tailed. The rows are at least as new. Null reads without a barrier.
   */
  readonly barrier: (() => Promise<Barrier | null>) | null
  /** Whether HIGH is asked for, which nobody needs where nothing is tailed; it is, unless told. */
  readonly wantsHigh?: boolean
  /** The bytes of every text are checked; the chunk finds out by itself when that is needed. */
  readonly exactText?: boolean
}

/** Rows that follow each other in the key's own order, as the server had them between S0 and `high`. */
export interface Chunk {
  readonly rows: readonly DecodedRow[]
  readonly rejected: readonly RejectedRow[]
  /** The place of the last row, rejected ones included; `after` when there was none. */
  readonly lastKey: Cursor | null
  /** Whether the table has no row after `lastKey`. */
  readonly done: boolean
  /**
   * Everything read here is contained in it. Null when it is not wanted, when the log cannot be asked, and when the chunk
   * was cut: then `readHigh` on the next connection gives it.
   */
  readonly high: LogPosition | null
  /** Approximate memory of the rows. */
  readonly bytes: number
  /** Whether the connection was dropped to stop rows that would not fit. */
  readonly cut: boolean
  readonly exactText: boolean
}

/**
 * Reads one chunk without locks by the scheme that loses no update: make sure that S0 is visible, read in autocommit,
 * take HIGH after the read. Whoever tails the log drops the rows whose keys the stream touched since S0 and emits the
 * rest when the stream reaches HIGH.
 *
 * Not a consistent snapshot whose position is the low watermark: servers hand out positions before their rows can be
 * seen, and between the two an update is lost for good.
 */
export async function readChunk(options: ChunkOptions): Promise<Chunk> {
  try {
    return await readVisible(options)
  } catch (error) {
    if (!(error instanceof UndecidedText) || options.exactText === true) throw error
    return readVisible({ ...options, exactText: true })
  }
}

const attempts = 4

async function readVisible(options: ChunkOptions): Promise<Chunk> {
  for (let attempt = 1; ; attempt++) {
    const barrier = options.barrier === null ? null : await options.barrier()
    // Idle after a rotation S0 can stay in the old file for ever; then this one chunk waits for row locks instead.
    const lock = attempt === attempts
    const chunk = await readBehind(options, barrier, lock)
    if (chunk !== null) return chunk
    if (lock) {
      throw new TransientError({
        code: 'barrier-not-reached',
        message: `${options.connection.address} did not reach a position of its own log in time`,
        hint: 'A replica that lags or was replaced shows this; it is tried again.',
      })
    }
  }
}

/** Null when the read may not have seen all of the barrier. */
async function readBehind(
  options: ChunkOptions,
  barrier: Barrier | null,
  lock: boolean,
): Promise<Chunk | null> {
  const { connection } = options
  if (barrier?.kind === 'mysql-gtid') {
    if (!(await waitForGtidSet(connection, barrier.set, 5))) return null
    return readRows(options, null)
  }
  if (barrier?.kind === 'file') {
    const visible = await readConsistentFile(connection)
    return visible !== null && isReached(visible, barrier) ? readRows(options, null) : null
  }
  return readRows(options, lock ? null : barrier, lock && barrier !== null)
}

async function readRows(options: ChunkOptions, barrier: Barrier | null, lock = false): Promise<Chunk | null> {
  const { connection, table, after, limit, exactText = false, wantsHigh = true } = options
  const rows = new ChunkRows(table, options.maxBytes)
  const file = barrier?.kind === 'mariadb-file' ? barrier : null
  const select = selectChunk({ table, after, limit, lock })
  // In one packet with the select. Twice, since the first only makes the server refresh what the second shows.
  const status = "show status like 'binlog_snapshot_%'"
  let visible = file === null
  const ended = await connection.stream({
    sql: file === null ? select : `${status}; ${status}; ${select}`,
    bytes: exactText ? 'all' : bytesColumns(table),
    precedingResults: file === null ? 0 : 2,
    onPreceding: ([, second = []]) => {
      visible = file === null || covers(second, file)
    },
    onRow: (row) => !visible || rows.add(row),
  })
  if (!visible) return null
  if (rows.undecided) throw new UndecidedText()
  const high = ended && wantsHigh ? await readHigh(connection) : null
  const { count, bytes, decoded, rejected } = rows
  const lastKey = rows.lastKey ?? after
  return {
    rows: decoded,
    rejected,
    lastKey,
    done: ended && count < limit,
    high,
    bytes,
    cut: !ended,
    exactText,
  }
}

/** Both in the file of S0 and not before it: across a rotation the two values need not belong together. */
function covers(
  status: readonly WireValue[][],
  barrier: { readonly file: string; readonly offset: number },
): boolean {
  const values = new Map(status.map(([name, value]) => [String(name).toLowerCase(), String(value)]))
  const offset = Number(values.get('binlog_snapshot_position') ?? -1)
  return values.get('binlog_snapshot_file') === barrier.file && offset >= barrier.offset
}

const bytesColumnsOf = new WeakMap<Table, ReadonlySet<string>>()

function bytesColumns(table: Table): ReadonlySet<string> {
  const known = bytesColumnsOf.get(table)
  if (known !== undefined) return known
  const names = table.columns.filter(({ codec }) => codec.wire === 'bytes').map(({ name }) => name)
  const columns = new Set(names)
  bytesColumnsOf.set(table, columns)
  return columns
}

const decoders = new WeakMap<Table, RowDecoder>()

/** One for all chunks of a table: it knows the texts that come again. */
function decoderOf(table: Table): RowDecoder {
  const known = decoders.get(table)
  if (known !== undefined) return known
  const decoder = new RowDecoder(table.columns)
  decoders.set(table, decoder)
  return decoder
}

/** Beside its characters: the strings' headers, the row object, its key. */
const rowOverheadBytes = 160
const valueOverheadBytes = 24

class ChunkRows {
  readonly decoded: DecodedRow[] = []
  readonly rejected: RejectedRow[] = []
  count = 0
  bytes = 0
  undecided = false
  readonly #decoder: RowDecoder
  readonly #maxBytes: number
  #last: readonly WireValue[] | null = null

  constructor(table: Table, maxBytes: number) {
    this.#decoder = decoderOf(table)
    this.#maxBytes = maxBytes
  }

  get lastKey(): Cursor | null {
    return this.#last === null ? null : this.#decoder.cursor(this.#last)
  }

  /** Whether there is room for the row; the first always fits. */
  add(raw: WireValue[]): boolean {
    const bytes = sizeOf(raw)
    if (this.count > 0 && this.bytes + bytes > this.#maxBytes) return false
    const row = this.#decode(raw)
    // The rest is read to its end for nothing, and the connection kept.
    if (row === null) return true
    if ('reason' in row) this.rejected.push(row)
    else this.decoded.push(row)
    this.#last = raw
    this.count++
    this.bytes += bytes
    return true
  }

  #decode(raw: WireValue[]): DecodedRow | RejectedRow | null {
    try {
      return this.undecided ? null : this.#decoder.decode(raw)
    } catch (error) {
      if (!(error instanceof UndecidedText)) throw error
      this.undecided = true
      return null
    }
  }
}

function sizeOf(raw: readonly WireValue[]): number {
  let bytes = rowOverheadBytes + raw.length * valueOverheadBytes
  for (const value of raw) {
    // Bytes become two hexadecimal digits each.
    if (value !== null) bytes += typeof value === 'string' ? value.length : value.length * 2
  }
  return bytes
}
