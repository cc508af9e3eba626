import { OperatorError, TransientError } from '../runtime/errors.ts'
import type { Connection } from './connection.ts'
import type { TextRow } from './run-statement.ts'
import { GtidList } from './gtid-list.ts'
import { GtidSet } from './gtid-set.ts'
import type { FilePosition, LogPosition } from './log-position.ts'
import { atLeast, type Server } from './server.ts'
import { bind } from './sql.ts'

/**
 * S0: a point of the log up to which a read has to see everything. Servers report a position, and hand out its
 * events, before a select sees its rows; taking such a position for a low watermark loses updates.
 */
export type Barrier =
  | { readonly kind: 'mysql-gtid'; readonly set: GtidSet }
  | { readonly kind: 'mariadb-file'; readonly file: string; readonly offset: number }
  /** Of MySQL without GTIDs. */
  | FilePosition

/** What a server's transactions are numbered by, which positions in its log have to be of. */
export function numberingOf({ flavour, gtidMode }: Server): Exclude<LogPosition['kind'], 'none'> {
  if (flavour === 'mariadb') return 'mariadb-gtid'
  return gtidMode === 'ON' ? 'mysql-gtid' : 'file'
}

/** Where the log stands before anything is read, and what a read must see for the tail to go on from there. */
export interface LogStart {
  readonly position: LogPosition
  readonly barrier: Barrier | null
}

export async function readLogStart(connection: Connection): Promise<LogStart> {
  const { server } = connection
  if (!server.logBin) return { position: { kind: 'none' }, barrier: null }
  if (server.flavour === 'mariadb') return readMariadbStart(connection)
  if (server.gtidMode === 'ON') {
    const set = await selectGtidExecuted(connection)
    return { position: { kind: 'mysql-gtid', set }, barrier: { kind: 'mysql-gtid', set } }
  }
  return { position: (await readConsistentFile(connection)) ?? { kind: 'none' }, barrier: null }
}

/** The list first, then the file: whoever sees all of the file's position has seen all of the list. */
async function readMariadbStart(connection: Connection): Promise<LogStart> {
  const list = await selectGtidBinlogPosition(connection)
  const status = await ifGranted(showLogStatus(connection))
  if (status === null) return { position: { kind: 'none' }, barrier: null }
  const { file, offset } = parseStatus(status)
  return { position: { kind: 'mariadb-gtid', list }, barrier: { kind: 'mariadb-file', file, offset } }
}

/** Only the barrier of `readLogStart`. */
export async function readBarrier(connection: Connection): Promise<Barrier | null> {
  return (await readLogStart(connection)).barrier
}

/**
 * HIGH: at least all that a read before this call can have seen. Null when the log is off or the grant missing. Throws a
 * `TransientError` (`gtid-held`) when MySQL does not come to the end of a transaction that may have been seen.
 */
export async function readHigh(connection: Connection): Promise<LogPosition | null> {
  const { server } = connection
  if (!server.logBin) return null
  if (server.flavour === 'mariadb')
    return { kind: 'mariadb-gtid', list: await selectGtidBinlogPosition(connection) }
  if (server.gtidMode === 'ON') return { kind: 'mysql-gtid', set: await selectGtidVisible(connection) }
  const status = await ifGranted(showLogStatus(connection))
  return status === null ? null : { kind: 'file', server: server.identity, ...parseStatus(status) }
}

/** How long a transaction that has its number may take to its end before that is told: who waits may be waited for. */
const mostHeldSeconds = 10

/**
 * A select sees a transaction before MySQL counts it as executed, be it in `gtid_executed` or in `show binary log
 * status`: until then its session owns its number. All that are owned are waited for, until they are executed or given
 * up: which of them can be seen already nobody tells.
 */
async function selectGtidVisible(connection: Connection): Promise<GtidSet> {
  let { owned, executed } = await selectGtids(connection)
  for (let seconds = 0; !owned.isEmpty; seconds++) {
    if (seconds === mostHeldSeconds) throw gtidHeld(connection, owned)
    if (await waitForGtidSet(connection, owned, 1)) return executed.union(owned)
    const now = await selectGtids(connection)
    executed = now.executed
    owned = owned.intersection(now.owned)
  }
  return executed
}

/** Owned first: a transaction goes from the one to the other. */
async function selectGtids(connection: Connection): Promise<Record<'owned' | 'executed', GtidSet>> {
  const sql = 'select @@global.gtid_owned as owned, @@global.gtid_executed as executed'
  const [row] = await connection.query(sql)
  return { owned: parseOwned(row?.owned ?? ''), executed: GtidSet.parse(row?.executed ?? '') }
}

/**
 * Each number is followed by the ids of its sessions, and nothing stands between two origins: `uuid:7#42:8#43uuid:tag:1#44`
 * (`Owned_gtids::to_string`).
 */
export function parseOwned(text: string): GtidSet {
  const apart = text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, ',$&')
  return GtidSet.parse(apart.replaceAll(/#\d+/g, ''))
}

function gtidHeld({ address }: Connection, owned: GtidSet): TransientError {
  return new TransientError({
    code: 'gtid-held',
    message: `MySQL server ${address} has not ended transaction ${owned.toString()} for ${mostHeldSeconds} seconds, and what is read waits for it`,
    hint:
      '`select @@global.gtid_owned` names the session after the #: a replica’s long transaction, a commit that waits for ' +
      'a semi-synchronous replica, or a session that has set gtid_next and does not use it. It is tried again.',
  })
}

/** Of an error: not the connection is at fault, and on another one the server says the same. */
export function isGtidHeld(error: unknown): error is TransientError {
  return error instanceof TransientError && error.code === 'gtid-held'
}

/** Whether all of `set` became visible within `seconds`. MySQL only. */
export async function waitForGtidSet(
  connection: Connection,
  set: GtidSet,
  seconds: number,
): Promise<boolean> {
  if (set.isEmpty) return true
  const sql = bind('select wait_for_executed_gtid_set(?, ?) as timed_out', [set.toString(), String(seconds)])
  const [row] = await connection.query(sql)
  return row?.timed_out === '0'
}

export async function showLogStatus(connection: Connection): Promise<TextRow> {
  const { server } = connection
  const renamed = server.flavour === 'mysql' && atLeast(server, 8, 2)
  const [row] = await connection.query(renamed ? 'show binary log status' : 'show master status')
  return row ?? {}
}

export async function selectGtidExecuted(connection: Connection): Promise<GtidSet> {
  const [row] = await connection.query('select @@global.gtid_executed as executed')
  return GtidSet.parse(row?.executed ?? '')
}

async function selectGtidBinlogPosition(connection: Connection): Promise<GtidList> {
  const [row] = await connection.query('select @@global.gtid_binlog_pos as position')
  return GtidList.parse(row?.position ?? '')
}

/**
 * Of MySQL: a position of whose past a select sees everything; `show binary log status` can be ahead of that. Null
 * without the privileges to ask.
 */
export async function readConsistentFile(connection: Connection): Promise<FilePosition | null> {
  const sql = `select json_unquote(json_extract(local, '$.binary_log_file')) as file,
    json_unquote(json_extract(local, '$.binary_log_position')) as position from performance_schema.log_status`
  const [row] = (await ifGranted(connection.query(sql))) ?? []
  if (row?.file == null || row.position == null) return null
  return { kind: 'file', server: connection.server.identity, file: row.file, offset: Number(row.position) }
}

function parseStatus(status: TextRow): { readonly file: string; readonly offset: number } {
  return { file: status.File ?? '', offset: Number(status.Position ?? 0) }
}

/** Null when we may not ask: a snapshot works without, and the preflight tells. */
async function ifGranted<T>(query: Promise<T>): Promise<T | null> {
  try {
    return await query
  } catch (error) {
    if (error instanceof OperatorError && error.area === 'permission') return null
    throw error
  }
}
