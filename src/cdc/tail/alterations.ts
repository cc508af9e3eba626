import type { Logger } from '../../runtime/logger.ts'
import type { BatchBuilder } from './batch-builder.ts'
import type { FollowedTable } from './followed-table.ts'
import type { FollowedTables } from './followed-tables.ts'
import type { Effect } from './log-reader.ts'
import type { TableReadings } from './table-readings.ts'

export interface AlterationsOptions {
  readonly tables: FollowedTables
  readonly readings: TableReadings
  readonly builder: BatchBuilder
  readonly log: Logger
}

/** What happens to tables beside changes of their rows. */
export class Alterations {
  readonly #options: AlterationsOptions

  constructor(options: AlterationsOptions) {
    this.#options = options
  }

  apply(effect: Effect): void {
    switch (effect.kind) {
      case 'statement':
        this.#onStatement(effect)
        return
      case 'lost-rows':
        this.#readAgain(effect.table, effect.reason)
        return
      case 'lost-everything':
        for (const table of this.#options.tables.all) this.#readAgain(table, effect.reason)
        return
      default:
        effect satisfies never
    }
  }

  /** Also one that was stopped, whatever stopped it. */
  resync(stream: string): void {
    const { tables, readings } = this.#options
    const table = tables.ofStream(stream)
    if (table === null) return
    if (table.state === 'stopped') table.state = 'unread'
    readings.request(table)
  }

  #onStatement({ schema, sql }: { readonly schema: string; readonly sql: string }): void {
    const words = new Set(sql.toLowerCase().match(/[^\s`'"().,;=]+/g))
    for (const table of this.#options.tables.all) {
      const { name } = table.captured
      if (!words.has(name.name.toLowerCase())) continue
      if (schema !== name.schema && !words.has(name.schema.toLowerCase())) continue
      this.#readAgain(table, 'was altered')
    }
  }

  /** Its rows are passed over until it is read, which the ledger has to know in case that we are stopped before. */
  #readAgain(table: FollowedTable, reason: string): void {
    const { log, builder, readings } = this.#options
    table.alterations++
    if (table.state === 'stopped') return
    table.state = 'unread'
    table.reason = reason
    log.warn({ stream: table.stream }, `table ${table.name} ${reason}: it is read again`)
    builder.note({ key: `snapshot/${table.stream}`, value: undefined })
    readings.request(table)
  }
}
