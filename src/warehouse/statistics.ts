import { keyTableName } from '../state/key-table.ts'
import type { Session } from '../state/session.ts'
import { mirrorName } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'

const firstAnalyzeRows = 10_000

/**
 * Keeps the planner's statistics abreast of a fast load. Autovacuum comes too late for it: a join planned for an
 * empty table that holds a million rows by now may never end. Analyses each time the rows written have grown fourfold.
 */
export class Statistics {
  #written = 0
  #nextAt = firstAnalyzeRows

  async note(session: Session, rows: number, state: WarehouseState): Promise<void> {
    this.#written += rows
    if (this.#written < this.#nextAt) return
    this.#nextAt = this.#written * 4
    await analyze(session, state)
  }
}

export async function analyze(session: Session, state: WarehouseState): Promise<void> {
  const mirrors = [...state.mirrors.values()].map(mirrorName)
  const versions = state.matches.flatMap(({ model }) => [
    `syncline.match_record_${model}`,
    // By themselves: until the version is published they are no partitions.
    keyTableName(model, 'l'),
    keyTableName(model, 'r'),
    `syncline.match_pair_${model}`,
  ])
  const tables = [...mirrors, ...versions]
  if (tables.length > 0) await session.query(`analyze ${tables.join(', ')}`)
}
