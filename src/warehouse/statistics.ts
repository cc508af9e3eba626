import { keyTableName } from '../state/key-table.ts'
import type { Session } from '../state/session.ts'
import { mirrorName } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'

const firstAnalyzeRows = 1_000

/**
 * Keeps the planner's statistics abreast of a fast load. Autovacuum comes too late for it: a join planned for an
 * empty table that holds a million rows by now may never end. Analyses each time the rows written have grown fourfold, those
 * that earlier processes have written and analysed among them: everybody waits for it, for seconds if tables are large.
 */
export class Statistics {
  #written: number | undefined
  #nextAt = firstAnalyzeRows

  async note(session: Session, rows: number, state: WarehouseState): Promise<void> {
    if (this.#written === undefined) {
      this.#written = await analyzedRows(session, state)
      this.#nextAt = Math.max(this.#nextAt, this.#written * 4)
    }
    this.#written += rows
    if (this.#written < this.#nextAt) return
    this.#nextAt = this.#written * 4
    await analyze(session, state)
  }
}

/** About how many rows the mirrors had when they were analysed last; 0 for one that never was. */
async function analyzedRows(session: Session, { mirrors }: WarehouseState): Promise<number> {
  const [rows] = await session.one(
    `select coalesce(sum(greatest(c.reltuples, 0)), 0)
       from unnest($1::text[]) as mirror(name) join pg_class c on c.oid = to_regclass(mirror.name)`,
    [[...mirrors.values()].map(mirrorName)],
  )
  return Number(rows)
}

/**
 * A tenth of the usual sample: how large tables are and how their values are spread decides the plans of a load, which
 * come again; the usual sample took as long as the assignment. Autovacuum's, afterwards, are as the server is set up.
 */
const sampleTarget = 10

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
  if (tables.length === 0) return
  await session.query(
    `set default_statistics_target = ${sampleTarget}; analyze ${tables.join(', ')}; reset default_statistics_target`,
  )
}
