import type { Effect } from './effect.ts'
import type { FollowedTable } from './followed-table.ts'
import type { Shape } from './shape.ts'

/** Tables whose rows are changed: each with the shape by which its rows are held, null where they are not. */
export type TouchedTables = ReadonlyMap<FollowedTable, Shape | null>

/**
 * An XA transaction while it is read. Nothing that it does counts before its commit, which may never come: not its rows,
 * and not that rows could not be taken in either, for a table that is read before the commit lacks them.
 */
export class XaTransaction {
  readonly #touched = new Map<FollowedTable, Shape | null>()
  #isUnknown = false
  #isTooLarge = false

  get touched(): TouchedTables {
    return this.#touched
  }

  /** Whether it may have changed tables beyond those that it touched. */
  get isUnknown(): boolean {
    return this.#isUnknown
  }

  /** Whether its rows are not kept. */
  get isTooLarge(): boolean {
    return this.#isTooLarge
  }

  touch(table: FollowedTable): void {
    if (this.#isTooLarge || !table.isDelivered) this.#touched.set(table, null)
    else if (!this.#touched.has(table)) this.#touched.set(table, table.shape)
  }

  giveUpRows(): void {
    this.#isTooLarge = true
    for (const table of this.#touched.keys()) this.#touched.set(table, null)
  }

  /** What has to be done when it is committed, and not before. */
  defer(effect: Effect): void {
    switch (effect.kind) {
      case 'lost-rows':
        this.#touched.set(effect.table, null)
        return
      case 'lost-tables':
        for (const table of effect.tables) this.#touched.set(table, null)
        return
      case 'statement':
      case 'lost-everything':
        this.#isUnknown = true
        return
      default:
        effect satisfies never
    }
  }
}

/** What has to be read again now that a transaction is committed. */
export function lostOf(touched: TouchedTables, reason: string): Extract<Effect, { kind: 'lost-tables' }> {
  const tables = [...touched].flatMap(([table, shape]) =>
    // Rows of a shape that the table has not any more were held too long.
    (shape === null || shape !== table.shape) && table.state !== 'stopped' ? [table] : [],
  )
  return { kind: 'lost-tables', tables, reason }
}
