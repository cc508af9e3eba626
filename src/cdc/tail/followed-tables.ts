import type { Ledger, LedgerEntry } from '../../changes/ledger.ts'
import type { CapturedTable } from '../captured-table.ts'
import type { Flavour } from '../server.ts'
import type { CodecOptions } from '../rows/value-codec.ts'
import { readTableLine, type TableLine } from '../snapshot-ledger.ts'
import { FollowedTable } from './followed-table.ts'
import { readShape, type Shape } from './shape.ts'

export interface RestoreOptions extends CodecOptions {
  readonly ledger: Ledger
  /** Of the position to go on from. */
  readonly run: number
  readonly flavour: Flavour
  /** The table as it is now; null when it cannot be captured. */
  readonly describe: (captured: CapturedTable) => Promise<Shape | null>
}

/** The tables of the configuration, and what the ledger says of them. */
export class FollowedTables {
  readonly all: readonly FollowedTable[]
  /** How far tables were read that were being read when the source was left. */
  readonly resumed = new Map<FollowedTable, TableLine>()
  #byName = new Map<string, FollowedTable>()
  #foldsCase = false

  constructor(captured: readonly CapturedTable[]) {
    this.all = captured.map((one) => new FollowedTable(one))
    this.foldCase(false)
  }

  /** Whether the server takes names that differ in case for the same (`lower_case_table_names`). */
  foldCase(folds: boolean): void {
    this.#foldsCase = folds
    this.#byName = new Map(
      this.all.map((table) => [this.#nameOf(table.captured.name.schema, table.captured.name.name), table]),
    )
  }

  find(schema: string, name: string): FollowedTable | null {
    return this.#byName.get(this.#nameOf(schema, name)) ?? null
  }

  inSchema(schema: string): readonly FollowedTable[] {
    const name = this.#folded(schema)
    return this.all.filter(({ captured }) => this.#folded(captured.name.schema) === name)
  }

  ofStream(stream: string): FollowedTable | null {
    return this.all.find((table) => table.stream === stream) ?? null
  }

  /** Takes up what was committed; tables of which nothing usable was are left `unread`. */
  async restore(options: RestoreOptions): Promise<void> {
    for (const table of this.all) await this.#restoreTable(table, options)
  }

  async #restoreTable(table: FollowedTable, options: RestoreOptions): Promise<void> {
    const { ledger, run, describe } = options
    const { captured, stream } = table
    const kept = await readShape(ledger, { ...options, captured })
    if (kept !== null) table.adopt(kept)
    const stopped = await ledger.get(`stopped/${stream}`)
    if (typeof stopped === 'string') {
      table.state = 'stopped'
      table.reason = stopped
      return
    }
    const line = await readTableLine(ledger, stream)
    if (line === null || line.run !== run) return
    // A run that only took a snapshot kept no shape: then the table must still be the same.
    const shape = kept ?? (await describe(captured))
    if (shape?.fingerprint !== line.fingerprint) return
    table.adopt(shape)
    table.rows = line.rows
    if (line.state === 'done') {
      table.state = 'followed'
      table.loaded = true
    } else {
      table.state = 'reading'
      this.resumed.set(table, line)
    }
  }

  /** Everything that was read counts for nothing any more. */
  forget(): void {
    this.resumed.clear()
    for (const table of this.all) {
      table.state = 'unread'
      table.reason = null
      table.loaded = false
      table.alterations++
    }
  }

  #nameOf(schema: string, name: string): string {
    return this.#folded(`${schema}.${name}`)
  }

  #folded(name: string): string {
    return this.#foldsCase ? name.toLowerCase() : name
  }
}

/** What the ledger has of streams that are not in the configuration any more, to be removed. */
export async function abandonedLines(ledger: Ledger, streams: readonly string[]): Promise<LedgerEntry[]> {
  const lines: LedgerEntry[] = []
  for (const kind of ['snapshot', 'shape', 'stopped']) {
    for await (const { key } of ledger.scan(`${kind}/`)) {
      if (!streams.includes(key.slice(kind.length + 1))) lines.push({ key, value: undefined })
    }
  }
  return lines
}
