import mysql from 'mysql2/promise'

export type Charset = 'UTF8MB4_GENERAL_CI' | 'LATIN1_SWEDISH_CI'

/** One that may be lost at any time, and that does not wait long for others. */
export async function connect(
  url: string,
  charset: Charset = 'UTF8MB4_GENERAL_CI',
): Promise<mysql.Connection> {
  const session = await mysql.createConnection({ uri: url, multipleStatements: true, charset })
  // The statement that meets the loss tells of it.
  session.on('error', () => undefined)
  await session.query('set session innodb_lock_wait_timeout = 5')
  return session
}

/** How a session may log what it does; all but the first take a privilege. */
export const logging = {
  fullRows: 'set session binlog_format = row, binlog_row_image = full',
  minimalRows: 'set session binlog_row_image = minimal',
  statements: 'set session binlog_format = statement',
}

/** What a clash of writers, or of their statements with an altered table, may say. */
export const conflicts: ReadonlySet<string> = new Set([
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_DUP_ENTRY',
  'ER_CHECKREAD',
  'ER_TABLE_DEF_CHANGED',
  'ER_DUP_FIELDNAME',
  'ER_CANT_DROP_FIELD_OR_KEY',
  'WARN_DATA_TRUNCATED',
  'ER_DATA_TOO_LONG',
])

export function isConflict(error: unknown): boolean {
  return conflicts.has((error as { code?: string }).code ?? '')
}

/** The server was restarted, or the way to it cut. */
export function isLoss(error: unknown): boolean {
  const { code = '', fatal = false } = error as { code?: string; fatal?: boolean }
  return (
    fatal ||
    /^(ECONN|EPIPE|PROTOCOL_|ER_SERVER_SHUTDOWN|ER_CONNECTION_KILLED|ER_NORMAL_SHUTDOWN|ER_QUERY_INTERRUPTED)/.test(
      code,
    )
  )
}
