import type { ChangeBatch } from '../../changes/change-batch.ts'
import { BugError } from '../../runtime/errors.ts'
import { PositionLost } from '../binlog/log-error.ts'
import { compareLogPositions, type LogPosition } from '../log-position.ts'
import { MysqlPosition } from '../position.ts'

/** Numbers the batches: each goes on from the one before and is strictly later. */
export class Delivery {
  #committed: string | null
  #position: MysqlPosition | null = null

  /** `committed` is the position stored so far; null when nothing was ever delivered. */
  constructor(committed: string | null) {
    this.#committed = committed
  }

  get run(): number {
    return this.position.run
  }

  /** Of the last batch, or where the first one begins. */
  get position(): MysqlPosition {
    if (this.#position === null) throw new BugError({ code: 'not-begun', message: 'the log was not begun' })
    return this.#position
  }

  beginAt(position: MysqlPosition): void {
    this.#position = position
  }

  isBehind(log: LogPosition): boolean {
    return compareLogPositions(log, this.position.log) !== 'equal'
  }

  /**
   * A batch that ends at a place of the log: another one than the last, or the same with something else to tell. Throws
   * `PositionLost` for a place that is not behind the last.
   */
  batch(log: LogPosition, content: Omit<ChangeBatch, 'before' | 'after'>): ChangeBatch {
    const { run, step, log: previous } = this.position
    const order = compareLogPositions(log, previous)
    if (order !== 'equal' && order !== 'after') throw outOfOrder(log)
    this.#position = new MysqlPosition({ run, step: order === 'equal' ? step + 1 : step, log })
    const before = this.#committed
    const after = this.#position.serialize()
    this.#committed = after
    return { before, after, ...content }
  }
}

/** From such a place the server would send again what is committed, or pass over what is not. */
function outOfOrder(log: LogPosition): PositionLost {
  const text = log.kind === 'mariadb-gtid' ? log.list.toString() : log.kind
  return new PositionLost({
    code: 'gtid-out-of-order',
    message: `the log has a transaction whose number is not above that of the one before it in its domain: ${text}`,
    hint: 'Set gtid_strict_mode = ON, and give servers that are written to at once a gtid_domain_id of their own.',
  })
}
