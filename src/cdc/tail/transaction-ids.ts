import { BugError } from '../../runtime/errors.ts'
import type { MariadbGtid, MysqlGtid } from '../binlog/event.ts'
import type { GtidList, LastTransaction } from '../gtid-list.ts'
import type { GtidSet } from '../gtid-set.ts'
import type { FilePosition, LogPosition } from '../log-position.ts'

export type TransactionId = MysqlGtid | MariadbGtid | FileTransaction

/** A transaction known by where it ends, for servers without GTIDs. */
export interface FileTransaction extends Pick<FilePosition, 'kind' | 'file' | 'offset'> {
  readonly committedAt: number | null
}

/**
 * Which transactions of the log were taken in, kept cheaply while they come by the thousand: the immutable position is
 * made when it is asked for.
 */
export interface TransactionIds {
  readonly position: LogPosition
  add(id: TransactionId): void
  /** The position with one more, without taking it in. */
  with(id: TransactionId): LogPosition
  /** The log has come to a place between two transactions. */
  moveTo(place: { readonly file: string; readonly offset: number }): void
}

export function transactionIds(log: LogPosition): TransactionIds {
  switch (log.kind) {
    case 'mysql-gtid':
      return new MysqlTransactionIds(log.set)
    case 'mariadb-gtid':
      return new MariadbTransactionIds(log.list)
    case 'file':
      return new FileTransactionIds(log)
    case 'none':
      throw new BugError({ code: 'no-gtid', message: `a position of kind ${log.kind} cannot be followed` })
    default:
      return log satisfies never
  }
}

class MysqlTransactionIds implements TransactionIds {
  #set: GtidSet
  #runs = new Map<string, { first: bigint; last: bigint }[]>()

  constructor(set: GtidSet) {
    this.#set = set
  }

  add(id: TransactionId): void {
    if (id.kind !== 'mysql-gtid') throw foreign(id)
    const runs = this.#runs.get(id.origin)
    const run = runs?.at(-1)
    if (run !== undefined && run.last + 1n === id.number) run.last = id.number
    else if (runs !== undefined) runs.push({ first: id.number, last: id.number })
    else this.#runs.set(id.origin, [{ first: id.number, last: id.number }])
  }

  get position(): LogPosition {
    if (this.#runs.size > 0) {
      this.#set = this.#set.with(
        [...this.#runs].flatMap(([origin, runs]) =>
          runs.map(({ first, last }) => [origin, first, last] as const),
        ),
      )
      this.#runs = new Map()
    }
    return { kind: 'mysql-gtid', set: this.#set }
  }

  moveTo(): void {
    // The set says it all.
  }

  with(id: TransactionId): LogPosition {
    if (this.position.kind !== 'mysql-gtid' || id.kind !== 'mysql-gtid') throw foreign(id)
    return { kind: 'mysql-gtid', set: this.#set.with([[id.origin, id.number, id.number]]) }
  }
}

class MariadbTransactionIds implements TransactionIds {
  #list: GtidList
  #last = new Map<bigint, LastTransaction>()

  constructor(list: GtidList) {
    this.#list = list
  }

  add(id: TransactionId): void {
    if (id.kind !== 'mariadb-gtid') throw foreign(id)
    this.#last.set(id.domain, id)
  }

  get position(): LogPosition {
    if (this.#last.size > 0) {
      this.#list = this.#list.with(this.#last)
      this.#last = new Map()
    }
    return { kind: 'mariadb-gtid', list: this.#list }
  }

  moveTo(): void {
    // The list says it all.
  }

  with(id: TransactionId): LogPosition {
    if (this.position.kind !== 'mariadb-gtid' || id.kind !== 'mariadb-gtid') throw foreign(id)
    return { kind: 'mariadb-gtid', list: this.#list.with([[id.domain, id]]) }
  }
}

class FileTransactionIds implements TransactionIds {
  position: FilePosition

  constructor(position: FilePosition) {
    this.position = position
  }

  add(id: TransactionId): void {
    this.position = this.with(id)
  }

  with(id: TransactionId): FilePosition {
    if (id.kind !== 'file') throw foreign(id)
    const { file, offset } = id
    return { ...this.position, file, offset }
  }

  /** Also of an idle log, whose old files are deleted. */
  moveTo({ file, offset }: { readonly file: string; readonly offset: number }): void {
    this.position = { ...this.position, file, offset }
  }
}

function foreign({ kind }: TransactionId): BugError {
  return new BugError({
    code: 'foreign-gtid',
    message: `a transaction of kind ${kind} is not of this server's flavour`,
  })
}
