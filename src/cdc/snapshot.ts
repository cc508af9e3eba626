import type { ChangeBatch, Rejected } from '../changes/change-batch.ts'
import type { Change } from '../changes/change.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import type { Chunk } from './chunk.ts'
import type { Cursor } from './chunk-select.ts'
import type { MysqlPosition } from './position.ts'
import type { CodecOptions } from './rows/value-codec.ts'
import { runEntry, tableEntry, type RunLine, type TableLine } from './snapshot-ledger.ts'
import { fingerprint, streamColumns, type Table } from './table.ts'

/** Where the reading of one table stands. */
export interface TableTask {
  readonly table: Table
  /** Null when the table is begun from its first row: its batch then opens the resync. */
  readonly resumed: TableLine | null
}

/** Reads the chunk after a place; reconnects and repeats by itself. */
export type ReadChunk = (table: Table, after: Cursor | null) => Promise<Chunk>

export interface SnapshotOptions extends CodecOptions {
  readonly run: RunLine
  /** Tables that are not done yet, in their order. */
  readonly tasks: readonly TableTask[]
  /** The committed position; null before the first commit of the source. */
  readonly committed: string | null
  /** The position that the first batch goes on from: its run and log, and the step to count on from. */
  readonly position: MysqlPosition
  readonly readChunk: ReadChunk
  readonly onRows: (stream: string, rows: number) => void
}

interface NextChunk {
  readonly task: TableTask
  readonly chunk: Chunk
  readonly rowsBefore: number
  readonly first: boolean
  /** Whether it ends the last table. */
  readonly last: boolean
}

/**
 * One batch for each chunk, the next chunk being read while the consumer commits: two chunks are in memory at most.
 * Each batch advances the position by one step, whatever the log does.
 */
export async function* snapshotBatches(
  options: SnapshotOptions,
): AsyncGenerator<ChangeBatch, void, undefined> {
  const chunks = readAhead(readTables(options))
  let before = options.committed
  let position = options.position
  for await (const next of chunks) {
    position = position.nextStep()
    const after = position.serialize()
    yield {
      before,
      after,
      changes: changesOf(next, options),
      rejected: rejectedOf(next),
      ledger: ledgerOf(next, options.run),
      committedAt: null,
    }
    before = after
    options.onRows(next.task.table.stream, next.rowsBefore + countOf(next.chunk))
  }
}

async function* readTables({
  tasks,
  readChunk,
}: SnapshotOptions): AsyncGenerator<NextChunk, void, undefined> {
  for (const [index, task] of tasks.entries()) {
    let after = task.resumed?.lastKey ?? null
    let rowsBefore = task.resumed?.rows ?? 0
    for (let first = task.resumed === null; ; first = false) {
      const chunk = await readChunk(task.table, after)
      yield { task, chunk, rowsBefore, first, last: chunk.done && index === tasks.length - 1 }
      if (chunk.done) break
      after = chunk.lastKey
      rowsBefore += countOf(chunk)
    }
  }
}

/** Asks for the next item before the consumer does. */
async function* readAhead<T>(items: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  let next = items.next()
  try {
    for (;;) {
      const item = await next
      if (item.done === true) return
      next = items.next()
      // Looked at in the next turn of the loop, which may never come.
      next.catch(() => undefined)
      yield item.value
    }
  } finally {
    // Not awaited: the read under way ends with the connection, which its owner closes after us.
    void items.return().catch(() => undefined)
  }
}

function countOf({ rows, rejected }: Chunk): number {
  return rows.length + rejected.length
}

function changesOf({ task, chunk, first }: NextChunk, options: CodecOptions): Change[] {
  const { table } = task
  const { stream } = table
  const changes: Change[] = []
  if (first) {
    changes.push(
      { kind: 'schema', stream, columns: streamColumns(table, options) },
      { kind: 'resync-begin', stream },
    )
  }
  for (const { key, row } of chunk.rows) changes.push({ kind: 'upsert', stream, key, row })
  if (chunk.done) changes.push({ kind: 'resync-end', stream })
  return changes
}

function rejectedOf({ task, chunk }: NextChunk): Rejected[] {
  return chunk.rejected.map((rejected) => ({ stream: task.table.stream, ...rejected }))
}

function ledgerOf({ task, chunk, rowsBefore, last }: NextChunk, run: RunLine): LedgerEntry[] {
  const line: TableLine = {
    run: run.run,
    state: chunk.done ? 'done' : 'running',
    lastKey: chunk.lastKey,
    rows: rowsBefore + countOf(chunk),
    fingerprint: fingerprint(task.table),
  }
  return [tableEntry(task.table.stream, line), runEntry({ ...run, state: last ? 'done' : 'running' })]
}
