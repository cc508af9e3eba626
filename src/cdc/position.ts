import type { Position, PositionFormat, PositionOrder } from '../changes/position.ts'
import { OperatorError } from '../runtime/errors.ts'
import {
  compareLogPositions,
  logPositionFromJson,
  logPositionToJson,
  type LogPosition,
} from './log-position.ts'

/**
 * How far a MySQL or MariaDB source has been read.
 *
 * - `run` counts the times that every table was begun to be read anew. A later run has all that an earlier one
 *   had, whatever the logs say: the server may have been replaced, or its log switched off, in between.
 * - `log` is where a tail has to go on. Within a run it was taken before the first chunk was read and only the
 *   tail moves it, so that everything which changes during the snapshot is repaired from there.
 * - `step` counts the snapshot's chunks, so that each of their commits advances although the log stands still.
 *
 * Stored as JSON with exactly this order of names: `{"run":1,"step":12,"log":{"kind":"mysql-gtid","set":"…"}}`.
 */
export class MysqlPosition implements Position {
  readonly run: number
  readonly step: number
  readonly log: LogPosition

  constructor({
    run,
    step,
    log,
  }: {
    readonly run: number
    readonly step: number
    readonly log: LogPosition
  }) {
    this.run = run
    this.step = step
    this.log = log
  }

  nextStep(): MysqlPosition {
    return new MysqlPosition({ run: this.run, step: this.step + 1, log: this.log })
  }

  serialize(): string {
    return JSON.stringify({ run: this.run, step: this.step, log: logPositionToJson(this.log) })
  }
}

export const mysqlPositionFormat: PositionFormat<MysqlPosition> = {
  parse(text) {
    try {
      const stored = JSON.parse(text) as Readonly<Record<string, unknown>> | null
      const { run, step, log } = stored ?? {}
      if (!isCount(run) || !isCount(step)) throw new SyntaxError('run and step must be counts')
      return new MysqlPosition({ run, step, log: logPositionFromJson(log) })
    } catch (error) {
      throw new OperatorError({
        code: 'position-unreadable',
        message: `the stored position of a MySQL source cannot be read: ${text.slice(0, 200)}`,
        hint:
          'It was written by another kind of source or changed by hand; run `syncline resync` for one of this source’s ' +
          'streams: then all of them are read anew.',
        area: 'data',
        resyncMends: true,
        cause: error,
      })
    }
  },
  compare(a, b) {
    if (a.run !== b.run) return a.run > b.run ? 'after' : 'before'
    return bothOrders(compareLogPositions(a.log, b.log), compareNumbers(a.step, b.step))
  },
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function compareNumbers(a: number, b: number): PositionOrder {
  return a === b ? 'equal' : a > b ? 'after' : 'before'
}

/** The product order: ahead in one and behind in the other is neither. */
function bothOrders(a: PositionOrder, b: PositionOrder): PositionOrder {
  if (a === 'equal') return b
  if (b === 'equal' || a === b) return a
  return 'concurrent'
}
