import { OperatorError } from '../runtime/errors.ts'
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

/** HIGH: at least all that a read before this call can have seen. Null when the log is off or the grant missing. */
export async function readHigh(connection: Connection): Promise<LogPosition | null> {
  const { server } = connection
  if (!server.logBin) return null
  if (server.flavour === 'mariadb')
    return { kind: 'mariadb-gtid', list: await selectGtidBinlogPosition(connection) }
  const status = await ifGranted(showLogStatus(connection))
  if (status === null) return null
  // Not `gtid_executed`: it can lack what a select has already seen.
  if (server.gtidMode === 'ON')
    return { kind: 'mysql-gtid', set: GtidSet.parse(status.Executed_Gtid_Set ?? '') }
  return { kind: 'file', server: server.identity, ...parseStatus(status) }
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
