import type { Defect } from '../changes/source.ts'
import { OperatorError, SynclineError } from '../runtime/errors.ts'
import type { Connection } from './connection.ts'
import { numberingOf, readConsistentFile, showLogStatus } from './log.ts'
import { accountOf, type Account } from './preflight-account.ts'
import { followDefects } from './preflight-follow.ts'
import { checkTable, type WantedTable } from './preflight-tables.ts'
import { atLeast, type Server } from './server.ts'
import { bind, identifier } from './sql.ts'

export interface PreflightOptions {
  readonly connection: Connection
  readonly tables: readonly WantedTable[]
  /** The log is needed to tail, not to snapshot: `warning` then. */
  readonly logSeverity: Defect['severity']
}

/** Everything that keeps the source from working, all at once, each with its cure for this server. */
export async function preflight({ connection, tables, logSeverity }: PreflightOptions): Promise<Defect[]> {
  const account = await accountOf(connection)
  const missing = await missingDatabases(connection, tables, account)
  const absent = new Set(missing.map(({ schema }) => schema))
  const defects: Defect[] = missing.map(({ defect }) => defect)
  for (const table of tables) {
    if (!absent.has(table.name.schema)) defects.push(...(await checkTable(connection, table, account)))
  }
  const severity = logSeverity
  defects.push(...logDefects(connection.server).map((defect) => ({ severity, ...defect })))
  if (severity === 'fatal') {
    const seen = tables.filter(({ name }) => !absent.has(name.schema))
    const found = await followDefects(connection, seen, account)
    defects.push(...found.map((defect) => ({ severity, ...defect })))
  }
  if (connection.server.logBin) {
    defects.push(...(await gtidDefects(connection, { account, severity })))
    defects.push(...(await statusDefects(connection, account)).map((defect) => ({ severity, ...defect })))
  }
  return defects
}

/** A source that cannot be reached has this one defect. */
export function unreachable(error: unknown): Defect {
  if (!(error instanceof SynclineError)) throw error
  return { severity: 'fatal', code: error.code, message: error.message, cure: error.hint ?? '', cause: error }
}

async function missingDatabases(
  connection: Connection,
  tables: readonly WantedTable[],
  account: Account,
): Promise<{ schema: string; defect: Defect }[]> {
  const wanted = [...new Set(tables.map(({ name }) => name.schema))]
  const sql = 'select schema_name as name from information_schema.schemata where schema_name in (?)'
  const rows = wanted.length === 0 ? [] : await connection.query(bind(sql, [wanted]))
  const found = new Set(rows.map((row) => row.name))
  const missing: { schema: string; defect: Defect }[] = []
  for (const schema of wanted.filter((name) => !found.has(name))) {
    const message = `there is no database ${schema} on ${connection.address}`
    const cure = 'Correct the database in the source’s url.'
    const grant = account.grant('select', `${account.identifier(schema)}.*`)
    const defect: Pick<Defect, 'area' | 'message' | 'cure'> = (await mayLookInto(connection, schema))
      ? { area: 'configuration', message, cure }
      : {
          area: 'permission',
          message: `${message} that ${account.text} may see`,
          cure: `${cure} If it is right: ${grant}`,
        }
    missing.push({ schema, defect: { severity: 'fatal', code: 'database-missing', ...defect } })
  }
  return missing
}

/** To those without any privilege on it the server does not tell whether there is such a database. */
async function mayLookInto(connection: Connection, schema: string): Promise<boolean> {
  try {
    await connection.query(`show tables from ${identifier(schema)}`)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return error.area !== 'permission'
  }
  return true
}

type LogDefect = Omit<Defect, 'severity'>

/** What the binary log needs for a tail; a snapshot does without. */
export function logDefects(server: Server): LogDefect[] {
  if (!server.logBin) {
    return [
      {
        code: 'log-off',
        message: 'the server writes no binary log, so that changes cannot be followed',
        cure: `Write ${logOption(server)} under [mysqld] in the server’s configuration and restart it.`,
      },
    ]
  }
  const wrong: LogDefect[] = []
  const { binlogFormat, binlogRowImage, binlogRowMetadata } = server
  if (binlogFormat !== 'ROW') wrong.push(variableDefect(server, 'binlog_format', binlogFormat, 'ROW'))
  if (binlogRowImage !== 'FULL')
    wrong.push(variableDefect(server, 'binlog_row_image', binlogRowImage, 'FULL'))
  if (binlogRowMetadata === null) {
    wrong.push({
      code: 'binlog-row-metadata',
      message: `the server ${server.versionText} cannot name the columns in its binary log`,
      cure:
        server.flavour === 'mariadb' ? 'Upgrade to MariaDB 10.5 or later.' : 'Upgrade to MySQL 8.0 or later.',
    })
  } else if (binlogRowMetadata !== 'FULL') {
    wrong.push(variableDefect(server, 'binlog_row_metadata', binlogRowMetadata, 'FULL'))
  }
  return wrong
}

function logOption(server: Server): string {
  return server.flavour === 'mariadb'
    ? '`log_bin = binlog`, `binlog_format = ROW` and `binlog_row_metadata = FULL`'
    : '`log_bin = binlog`'
}

function variableDefect(server: Server, variable: string, actual: string, wanted: string): LogDefect {
  const persisted = server.flavour === 'mysql' && atLeast(server, 8, 0)
  return {
    code: variable.replaceAll('_', '-'),
    message: `${variable} is ${actual} and has to be ${wanted}`,
    cure: persisted
      ? `set persist ${variable} = '${wanted}';`
      : `set global ${variable} = '${wanted}'; and write ${variable} = ${wanted} under [mysqld] in its configuration`,
  }
}

/**
 * Without GTIDs MySQL is followed by file and offset, which needs a position that a read can be compared with. The mode
 * changes by single steps only.
 */
async function gtidDefects(
  connection: Connection,
  { account, severity }: { readonly account: Account; readonly severity: Defect['severity'] },
): Promise<Defect[]> {
  if (numberingOf(connection.server) !== 'file') return []
  const { gtidMode } = connection.server
  const modes = ['OFF', 'OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON']
  const steps = modes
    .slice(modes.indexOf(gtidMode ?? 'OFF') + 1)
    .map((mode) => `set persist gtid_mode = ${mode};`)
  const defect = {
    code: 'gtid-mode',
    cure: ['set persist enforce_gtid_consistency = ON;', ...steps].join(' '),
  }
  const mode = `gtid_mode is ${gtidMode ?? 'unknown'}`
  if ((await readConsistentFile(connection)) !== null) {
    const message = `${mode}: positions are files and offsets of this one server, and do not outlive a failover`
    return [{ ...defect, severity: 'warning', message }]
  }
  const grants = [
    account.grant('backup_admin', '*.*'),
    account.grant('select', 'performance_schema.log_status'),
  ]
  const message = `${mode}: positions do not outlive a failover, and reads cannot wait for them (the latter is helped by: ${grants.join(' ')})`
  return [{ ...defect, severity, message }]
}

async function statusDefects(connection: Connection, account: Account): Promise<LogDefect[]> {
  const { server } = connection
  const defects: LogDefect[] = []
  try {
    const status = await showLogStatus(connection)
    if (status.File == null && server.logBin) throw new TypeError('a server with a log shows its status')
  } catch (error) {
    if (!(error instanceof OperatorError) || error.area !== 'permission') throw error
    const privilege =
      server.flavour === 'mariadb' && atLeast(server, 10, 5) ? 'binlog monitor' : 'replication client'
    defects.push({
      code: 'grant-missing',
      message: `${account.text} may not ask where the binary log stands`,
      cure: account.grant(privilege, '*.*'),
    })
  }
  if (!server.logReplicaUpdates && (await isReplica(connection))) {
    const variable =
      server.flavour === 'mysql' && atLeast(server, 8, 0) ? 'log_replica_updates' : 'log_slave_updates'
    defects.push({
      code: 'log-replica-updates',
      message: 'the server is a replica that does not log what it replicates',
      cure: `Write ${variable} = ON under [mysqld] in the server’s configuration and restart it.`,
    })
  }
  return defects
}

/** False when we may not ask. */
async function isReplica(connection: Connection): Promise<boolean> {
  const { server } = connection
  const renamed =
    server.flavour === 'mysql' ? atLeast(server, 8, 0) && server.version[2] >= 0 : atLeast(server, 10, 5)
  try {
    return (await connection.query(renamed ? 'show replica status' : 'show slave status')).length > 0
  } catch (error) {
    if (error instanceof OperatorError) return false
    throw error
  }
}
