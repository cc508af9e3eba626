import type { Ledger } from '../changes/ledger.ts'
import { compareLogPositions, type LogPosition } from './log-position.ts'
import { MysqlPosition, mysqlPositionFormat } from './position.ts'
import type { TableTask } from './snapshot.ts'
import { readRunLine, readTableLine, type RunLine } from './snapshot-ledger.ts'
import { smallestFirst } from './table-order.ts'
import { fingerprint, type Table } from './table.ts'

export interface PlanOptions {
  readonly after: string | null
  readonly ledger: Ledger
  readonly tables: readonly Table[]
  /** Where the log stands now. */
  readonly log: LogPosition
}

export interface SnapshotPlan {
  readonly run: RunLine
  readonly tasks: readonly TableTask[]
  readonly position: MysqlPosition
  /** Why an interrupted snapshot begins from its first row, for the log; null when it does not. */
  readonly restarted: string | null
}

/** Goes on with an interrupted run; begins a new one, of every table, when there is none. */
export async function planSnapshot(options: PlanOptions): Promise<SnapshotPlan> {
  const { after, ledger, tables, log } = options
  const position = after === null ? null : mysqlPositionFormat.parse(after)
  const run = await readRunLine(ledger)
  let restarted: string | null = null
  if (position !== null && run?.state === 'running' && run.run === position.run) {
    const tasks = await openTasks(run, ledger, tables)
    if (!isContinued(position.log, log)) {
      restarted = 'the server’s log does not contain where the snapshot began: every table is read again'
    } else if (tasks.length > 0) {
      return { run, tasks, position, restarted }
    }
  }
  const number = Math.max(position?.run ?? 0, run?.run ?? 0) + 1
  return { ...wholeSnapshot(number, tables, log), restarted }
}

/** A run of every table from its first row. */
export function wholeSnapshot(number: number, tables: readonly Table[], log: LogPosition): SnapshotPlan {
  return {
    run: { run: number, state: 'running', streams: tables.map(({ stream }) => stream) },
    tasks: smallestFirst(tables).map((table) => ({ table, resumed: null })),
    position: new MysqlPosition({ run: number, step: 0, log }),
    restarted: null,
  }
}

/**
 * Whether rows may have changed behind the place from which the plan goes on, after they were read. The log tells;
 * without one nobody can.
 */
export function mayHaveMissed({ tasks, run, position }: SnapshotPlan, log: LogPosition): boolean {
  const whole = tasks.length === run.streams.length && tasks.every(({ resumed }) => resumed === null)
  if (whole) return false
  return log.kind === 'none' || compareLogPositions(position.log, log) !== 'equal'
}

/** Another server, or one restored from a backup, must not complete what the first one began. */
function isContinued(began: LogPosition, now: LogPosition): boolean {
  const order = compareLogPositions(began, now)
  return order === 'equal' || order === 'before'
}

async function openTasks({ run }: RunLine, ledger: Ledger, tables: readonly Table[]): Promise<TableTask[]> {
  const tasks: TableTask[] = []
  for (const table of smallestFirst(tables)) {
    const line = await readTableLine(ledger, table.stream)
    // Rows of another shape, or of an earlier run, do not go together with those to come.
    const resumed = line?.run === run && line.fingerprint === fingerprint(table) ? line : null
    if (resumed?.state !== 'done') tasks.push({ table, resumed })
  }
  return tasks
}
