import type { CharacterSets } from '../binlog/character-sets.ts'
import { RowLayout } from '../binlog/row-layout.ts'
import { readTableMap } from '../binlog/table-map.ts'
import type { CapturedTable, SchemaPolicy } from '../captured-table.ts'
import type { Shape } from './shape.ts'

/**
 * What is done with a table's rows that come in the log:
 *
 * - `followed`: they are delivered.
 * - `reading`: they are delivered while the table is read in chunks.
 * - `unread`: they are passed over; the table will be read from its first row.
 * - `stopped`: they are passed over until somebody acts.
 */
export type TableState = 'followed' | 'reading' | 'unread' | 'stopped'

/** One table of the configuration while the log is followed. */
export class FollowedTable {
  readonly captured: CapturedTable
  state: TableState = 'unread'
  shape: Shape | null = null
  /** Why it is stopped, or has to be read anew. */
  reason: string | null = null
  /** Why it cannot be described just now; null when it can, as far as is known. */
  lockedOut: string | null = null
  /** Whether it was read to its end at least once. */
  loaded = false
  /** Counts the statements that may have changed the table's shape or rows: readings that span one are void. */
  alterations = 0
  #layouts = new WeakMap<Buffer, RowLayout | string>()

  /** Whether it was read anew because rows did not fit, and no statement has altered it since. */
  readWithoutAlteration = false
  /** Whether somebody has asked for the table as it is now, whatever the policy says of its columns. */
  accepted = false
  /** Of the last reading. */
  rows = 0

  constructor(captured: CapturedTable) {
    this.captured = captured
  }

  get stream(): string {
    return this.captured.stream
  }

  get name(): string {
    return `${this.captured.name.schema}.${this.captured.name.name}`
  }

  get policy(): SchemaPolicy {
    return this.captured.policy
  }

  /** Whether changes of its rows are delivered. */
  get isDelivered(): boolean {
    return this.state === 'followed' || this.state === 'reading'
  }

  /** What to describe: a stream that is frozen is not told of other columns. */
  get wanted(): CapturedTable {
    if (this.policy !== 'freeze' || this.accepted || this.shape === null) return this.captured
    return { ...this.captured, columns: this.shape.table.columns.map(({ name }) => name) }
  }

  adopt(shape: Shape): void {
    this.shape = shape
    this.accepted = false
    this.#layouts = new WeakMap()
  }

  /** How to read the rows that follow a table map; a text when they are not those of the table as we know it. */
  layoutOf(body: Buffer, characterSets: CharacterSets): RowLayout | string {
    if (this.shape === null) return 'was never described'
    const known = this.#layouts.get(body)
    if (known !== undefined) return known
    const layout = RowLayout.bind(readTableMap(body, 0), this.shape.table, characterSets)
    this.#layouts.set(body, layout)
    return layout
  }
}
