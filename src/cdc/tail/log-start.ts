import { BugError, OperatorError } from '../../runtime/errors.ts'
import type { Connection } from '../connection.ts'
import { LogPurged, serverLacks } from '../binlog/log-error.ts'
import { GtidList } from '../gtid-list.ts'
import { GtidSet } from '../gtid-set.ts'
import { waitForGtidSet } from '../log.ts'
import type { LogPosition } from '../log-position.ts'

/**
 * Makes sure that a server can go on from a position, whatever server it is now: ours after a restart, its successor
 * after a failover, or one that was restored from a backup.
 *
 * Throws `LogPurged`, or an `OperatorError` (`server-behind`) when it lacks what was read already: going on would pass
 * over what it will number anew.
 */
export async function checkStart(connection: Connection, from: LogPosition): Promise<void> {
  switch (from.kind) {
    case 'mysql-gtid':
      await checkGtidSet(connection, from.set)
      return
    case 'mariadb-gtid':
      await checkGtidList(connection, from.list)
      return
    case 'file':
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
  throw new OperatorError({
    code: 'log-status-missing',
    message: 'the server does not tell where its log stands',
    hint: 'grant replication client on *.* (binlog monitor on MariaDB) to the user of the source’s url',
    area: 'permission',
  })
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
