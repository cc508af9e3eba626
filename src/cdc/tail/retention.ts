import type { Clock } from '../../runtime/clock.ts'
import type { Connection } from '../connection.ts'
import type { TextRow } from '../run-statement.ts'

const sql = `show global variables where variable_name in
  ('binlog_expire_logs_seconds', 'expire_logs_days', 'binlog_expire_logs_auto_purge')`

/** How long the server keeps its binary log, in milliseconds; null when it does not delete it by age. */
export async function readRetentionMs(connection: Connection): Promise<number | null> {
  return retentionMs(await connection.query(sql))
}

export function retentionMs(rows: readonly TextRow[]): number | null {
  const values = new Map(rows.map((row) => [row.Variable_name?.toLowerCase(), row.Value]))
  if (values.get('binlog_expire_logs_auto_purge') === 'OFF') return null
  const seconds = Number(values.get('binlog_expire_logs_seconds') ?? 0)
  const days = Number(values.get('expire_logs_days') ?? 0)
  const kept = seconds > 0 ? seconds : days * 86_400
  return kept > 0 ? kept * 1000 : null
}

/**
 * How long what comes after our place in the log is still kept. A file is deleted when its last change is old enough,
 * which is never before the event that we have reached.
 */
export class Headroom {
  readonly #clock: Clock
  #retentionMs: number | null = null
  #reachedAtMs: number | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  retain(retentionMs: number | null): void {
    this.#retentionMs = retentionMs
  }

  /** The server was at our place at this time, in milliseconds since the epoch. */
  reach(atMs: number): void {
    this.#reachedAtMs = atMs
  }

  /** Null when unknown, or when nothing is deleted by age. */
  get ms(): number | null {
    if (this.#retentionMs === null || this.#reachedAtMs === null) return null
    return Math.max(0, this.#retentionMs - Math.max(0, this.#clock.now() - this.#reachedAtMs))
  }
}
