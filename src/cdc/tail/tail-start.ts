import type { CapturedTable } from '../captured-table.ts'
import { readLogStart } from '../log.ts'
import { MysqlPosition, mysqlPositionFormat } from '../position.ts'
import { readRunLine } from '../snapshot-ledger.ts'
import type { BatchBuilder } from './batch-builder.ts'
import type { Delivery } from './delivery.ts'
import { abandonedLines, type FollowedTables } from './followed-tables.ts'
import { logStatusMissing } from './log-start.ts'
import type { PreparedTransactions } from './prepared-transactions.ts'
import type { Surroundings } from './surroundings.ts'
import type { TableReadings } from './table-readings.ts'
import type { TailOptions } from './tail-options.ts'
import { transactionIds, type TransactionIds } from './transaction-ids.ts'

export interface TailStartOptions extends Pick<
  TailOptions,
  'after' | 'ledger' | 'captured' | 'questions' | 'zeroDates'
> {
  readonly tables: FollowedTables
  readonly readings: TableReadings
  readonly surroundings: Surroundings
  readonly prepared: PreparedTransactions
  readonly builder: BatchBuilder
  readonly delivery: Delivery
  /** Whether everything is to be read anew whatever the error says. */
  readonly isAccepted: (error: unknown) => boolean
}

/** Where the log is followed from, and which tables are read: what was committed, or everything anew. */
export class TailStart {
  readonly #options: TailStartOptions

  constructor(options: TailStartOptions) {
    this.#options = options
  }

  /** Where the ledger says that we are, or where the log stands now. */
  async restore(): Promise<TransactionIds> {
    const { after, ledger, captured, surroundings, tables, prepared, delivery, builder } = this.#options
    const server = await surroundings.server()
    tables.foldCase(server.foldsCase)
    const stored = after === null ? null : this.#parse(after)
    const run = await readRunLine(ledger)
    let ids: TransactionIds
    if (stored === null || stored.log.kind === 'none') {
      ids = await this.#begin(Math.max(stored?.run ?? 0, run?.run ?? 0) + 1)
    } else {
      delivery.beginAt(stored)
      ids = transactionIds(stored.log)
      const describe = (table: CapturedTable) => surroundings.describeOrNull(table)
      await tables.restore({ ...this.#options, run: stored.run, flavour: server.flavour, describe })
    }
    await prepared.restore(ledger, tables)
    const lines = await abandonedLines(
      ledger,
      captured.map(({ stream }) => stream),
    )
    for (const line of lines) builder.note(line)
    await this.#requestUnread()
    return ids
  }

  /** A new run of every table, whatever was read before. */
  async anew(): Promise<TransactionIds> {
    const { tables, readings, prepared, builder, delivery } = this.#options
    tables.forget()
    readings.forget()
    prepared.forget()
    builder.clear()
    const ids = await this.#begin(delivery.run + 1)
    await this.#requestUnread()
    return ids
  }

  /** Null when everything is to be read anew whatever it says. */
  #parse(position: string): MysqlPosition | null {
    try {
      return mysqlPositionFormat.parse(position)
    } catch (error) {
      if (this.#options.isAccepted(error)) return null
      throw error
    }
  }

  /** From where the log stands now. */
  async #begin(run: number): Promise<TransactionIds> {
    const start = await this.#options.questions.run(readLogStart)
    if (start.position.kind === 'none') throw logStatusMissing()
    this.#options.delivery.beginAt(new MysqlPosition({ run, step: 0, log: start.position }))
    return transactionIds(start.position)
  }

  async #requestUnread(): Promise<void> {
    const { tables, readings, surroundings } = this.#options
    const open = tables.all.filter(({ state }) => state === 'reading' || state === 'unread')
    for (const table of await surroundings.readingOrder(open)) {
      const line = tables.resumed.get(table)
      if (table.state === 'reading' && line !== undefined && readings.current === null) {
        readings.resume(table, line)
      } else {
        table.state = 'unread'
        readings.request(table)
      }
    }
    tables.resumed.clear()
  }
}
