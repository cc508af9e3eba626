import type { PositionOrder } from '../changes/position.ts'
import { TransientError } from '../runtime/errors.ts'
import { GtidList } from './gtid-list.ts'
import { GtidSet } from './gtid-set.ts'

/** Where in its binary log a server stands. */
export type LogPosition =
  | { readonly kind: 'mysql-gtid'; readonly set: GtidSet }
  | { readonly kind: 'mariadb-gtid'; readonly list: GtidList }
  | FilePosition
  /** The log is off, or we may not ask for it: nothing can be resumed from here. */
  | { readonly kind: 'none' }

/** Means something on that server alone, hence its identity. */
export interface FilePosition {
  readonly kind: 'file'
  /** `server_uuid`, or the server id where there is none. */
  readonly server: string
  readonly file: string
  readonly offset: number
}

export interface LogPositionJson {
  readonly kind: LogPosition['kind']
  readonly set?: string
  readonly list?: string
  readonly server?: string
  readonly file?: string
  readonly offset?: number
}

export function logPositionToJson(log: LogPosition): LogPositionJson {
  switch (log.kind) {
    case 'mysql-gtid':
      return { kind: log.kind, set: log.set.toString() }
    case 'mariadb-gtid':
      return { kind: log.kind, list: log.list.toString() }
    case 'file':
      return { kind: log.kind, server: log.server, file: log.file, offset: log.offset }
    case 'none':
      return { kind: log.kind }
    default:
      return log satisfies never
  }
}

/** Throws a `SyntaxError` on anything that `logPositionToJson` does not make. */
export function logPositionFromJson(json: unknown): LogPosition {
  const log = (typeof json === 'object' && json !== null ? json : {}) as Readonly<Record<string, unknown>>
  if (log.kind === 'mysql-gtid' && typeof log.set === 'string') {
    return { kind: 'mysql-gtid', set: GtidSet.parse(log.set) }
  }
  if (log.kind === 'mariadb-gtid' && typeof log.list === 'string') {
    return { kind: 'mariadb-gtid', list: GtidList.parse(log.list) }
  }
  const { server, file, offset } = log
  if (log.kind === 'file' && typeof server === 'string' && typeof file === 'string' && isOffset(offset)) {
    return { kind: 'file', server, file, offset }
  }
  if (log.kind === 'none') return { kind: 'none' }
  throw new SyntaxError('not a position in a binary log')
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** By containment, never by the order of strings. Positions of different kinds cannot be ordered. */
export function compareLogPositions(a: LogPosition, b: LogPosition): PositionOrder {
  if (a.kind === 'mysql-gtid' && b.kind === 'mysql-gtid') return byContainment(a.set, b.set)
  if (a.kind === 'mariadb-gtid' && b.kind === 'mariadb-gtid') return byContainment(a.list, b.list)
  if (a.kind === 'file' && b.kind === 'file') return compareFiles(a, b)
  return a.kind === 'none' && b.kind === 'none' ? 'equal' : 'concurrent'
}

/**
 * Whether everything up to a place is contained. Throws a `TransientError` where that can never be: the server numbers
 * its transactions in another way since it was connected to.
 */
export function isReached(position: LogPosition, place: LogPosition): boolean {
  if (position.kind !== place.kind) {
    throw new TransientError({
      code: 'numbering-changed',
      message: `the log is followed by ${position.kind} and the server now tells a place by ${place.kind}`,
    })
  }
  const order = compareLogPositions(position, place)
  return order === 'equal' || order === 'after'
}

function byContainment<T extends { contains(other: T): boolean }>(a: T, b: T): PositionOrder {
  return orderOf(a.contains(b), b.contains(a))
}

function orderOf(aHasB: boolean, bHasA: boolean): PositionOrder {
  if (aHasB && bHasA) return 'equal'
  if (aHasB) return 'after'
  return bHasA ? 'before' : 'concurrent'
}

function compareFiles(a: FilePosition, b: FilePosition): PositionOrder {
  const [aBase, aNumber] = splitFile(a.file)
  const [bBase, bNumber] = splitFile(b.file)
  if (a.server !== b.server || aBase !== bBase) return 'concurrent'
  if (aNumber === bNumber) return orderOf(a.offset >= b.offset, b.offset >= a.offset)
  return aNumber > bNumber ? 'after' : 'before'
}

/** Files are numbered, and the number grows beyond its six digits: `binlog.999999`, `binlog.1000000`. */
function splitFile(file: string): readonly [base: string, number: bigint] {
  const match = /^(.*)\.(\d+)$/.exec(file)
  return match === null ? [file, -1n] : [match[1] ?? '', BigInt(match[2] ?? 0)]
}
