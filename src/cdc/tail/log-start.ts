import { BugError, OperatorError } from '../../runtime/errors.ts'
import type { Connection } from '../connection.ts'
import { LogPurged, serverLacks } from '../binlog/log-error.ts'
import { GtidList } from '../gtid-list.ts'
import { GtidSet } from '../gtid-set.ts'
import { numberingOf, selectGtidExecuted, waitForGtidSet } from '../log.ts'
import { logDefects } from '../preflight.ts'
import { compareLogPositions, type FilePosition, type LogPosition } from '../log-position.ts'

/**
 * Makes sure that a server can go on from a position, whatever server it is now: ours after a restart, its successor
 * after a failover, or one that was restored from a backup.
 *
 * Throws `LogPurged`, or an `OperatorError` (`server-behind`) when it lacks what was read already: going on would pass
 * over what it will number anew.
 */
export async function checkStart(connection: Connection, from: LogPosition): Promise<void> {
  await checkNumbering(connection, from)
  switch (from.kind) {
    case 'mysql-gtid':
      await checkGtidSet(connection, from.set)
      return
    case 'mariadb-gtid':
      await checkGtidList(connection, from.list)
      return
    case 'file':
      await checkFile(connection, from)
      return
    case 'none':
      throw new BugError({
        code: 'no-position',
        message: `the log cannot be followed from a position of kind ${from.kind}`,
      })
    default:
      from satisfies never
  }
}

/** `readHigh` where the log is followed: it must be possible to ask. */
export function logPlace(high: LogPosition | null): LogPosition {
  if (high !== null) return high
  throw logStatusMissing()
}

export function logStatusMissing(): OperatorError {
  return new OperatorError({
    code: 'log-status-missing',
    message: 'the server does not tell where its log stands',
    hint:
      'grant replication client on *.* (binlog monitor on MariaDB) to the user of the source’s url; on MySQL without ' +
      'GTIDs also backup_admin on *.* and select on performance_schema.log_status',
    area: 'permission',
  })
}

/** Settings that a server was given since, or that its successor has, by which changes would be lost. */
export function checkServer({ server, address }: Connection): void {
  const [defect] = logDefects(server)
  if (defect === undefined) return
  throw new OperatorError({
    code: defect.code,
    message: `MySQL server ${address}: ${defect.message}`,
    hint: defect.cure,
    area: 'server',
  })
}

/**
 * `gtid_mode` of MySQL may have changed. A position of one numbering cannot be told in the other, so everything is read
 * anew, provided that this is the server which we know, or one with its data.
 */
async function checkNumbering(connection: Connection, from: LogPosition): Promise<void> {
  const { server, address } = connection
  if (from.kind === 'none' || from.kind === numberingOf(server)) return
  if (from.kind === 'file') checkIdentity(connection, from)
  else if (from.kind !== 'mysql-gtid' || server.flavour !== 'mysql')
    throw serverLacks(`${address} is a server of another kind than the one that was followed`)
  else if (!(await hasExecuted(connection, from.set)))
    throw serverLacks(`MySQL server ${address} has not executed all of ${from.set.toString()}`)
  throw new LogPurged(
    `MySQL server ${address} does not number its transactions as it did (gtid_mode is ${server.gtidMode ?? 'unknown'} now)`,
    'Nothing needs to be done.',
  )
}

/** The log delivers transactions a moment before the server counts them as executed; without GTIDs it cannot be waited for. */
async function hasExecuted(connection: Connection, set: GtidSet): Promise<boolean> {
  if (connection.server.gtidMode !== 'OFF') return waitForGtidSet(connection, set, 10)
  return (await selectGtidExecuted(connection)).contains(set)
}

/** Files have the same names everywhere: of another server they would be read without anybody noticing. */
function checkIdentity({ server, address }: Connection, from: FilePosition): void {
  if (server.identity === from.server) return
  throw new OperatorError({
    code: 'other-server',
    message: `MySQL server ${address} is another one (server_uuid ${server.identity}) than the one that was followed (${from.server}): without GTIDs its log cannot be gone on with`,
    hint:
      'Point the source at the server that was followed, or run `syncline resync` for one of this source’s streams: then ' +
      'all of them are read anew from this server. With gtid_mode = ON a successor is followed by itself.',
    area: 'data',
    resyncMends: true,
  })
}

/** Most that the protocol can ask for. */
const largestOffset = 2 ** 32 - 1

async function checkFile(connection: Connection, from: FilePosition): Promise<void> {
  const { address } = connection
  checkIdentity(connection, from)
  const logs = await connection.query('show binary logs')
  const place = `${from.file}:${from.offset}`
  const log = logs.find(({ Log_name: name }) => name === from.file)
  if (log === undefined) {
    const [oldest] = logs
    const first = { ...from, file: oldest?.Log_name ?? '', offset: 0 }
    if (compareLogPositions(from, first) === 'before')
      throw new LogPurged(`MySQL server ${address} has purged ${from.file} before it was read`)
    throw serverLacks(`MySQL server ${address} has no binary log ${from.file}`)
  }
  if (Number(log.File_size) < from.offset)
    throw serverLacks(`MySQL server ${address} has not logged up to ${place}`)
  if (from.offset > largestOffset)
    throw new LogPurged(`MySQL server ${address} cannot send its log from ${place} on, which is beyond 4 GiB`)
}

async function checkGtidSet(connection: Connection, ours: GtidSet): Promise<void> {
  const [row] = await connection.query('select @@global.gtid_purged as purged')
  const purged = GtidSet.parse(row?.purged ?? '')
  if (!ours.contains(purged)) {
    throw new LogPurged(
      `MySQL server ${connection.address} has purged ${purged.without(ours).toString()} from its binary log before it was read`,
    )
  }
  // The log delivers transactions a moment before the server counts them as executed.
  if (!(await waitForGtidSet(connection, ours, 10))) {
    throw serverLacks(`MySQL server ${connection.address} has not executed all of ${ours.toString()}`)
  }
}

/** Whether the log still has what follows, the server says when it is asked to send it. */
async function checkGtidList(connection: Connection, ours: GtidList): Promise<void> {
  const [row] = await connection.query('select @@global.gtid_binlog_pos as position')
  const theirs = GtidList.parse(row?.position ?? '')
  if (!theirs.contains(ours)) {
    throw serverLacks(
      `MariaDB server ${connection.address} has logged ${theirs.toString()} and not ${ours.toString()}`,
    )
  }
}

/** Whether the server is set up to log changes in a form that cannot be read: compressed, or JSON in parts. */
export async function logsUnreadably(connection: Connection): Promise<boolean> {
  const rows = await connection.query(
    "show global variables where variable_name in ('binlog_transaction_compression', 'binlog_row_value_options')",
  )
  return rows.some(({ Value: value }) => value === 'ON' || value === 'PARTIAL_JSON')
}
