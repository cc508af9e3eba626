import { OperatorError, TransientError } from '../../runtime/errors.ts'
import { sessionLockWaitSeconds, type Connection } from '../connection.ts'
import { tableIdentifier } from '../sql.ts'
import type { TableName } from '../table.ts'

/** How long one attempt waits for a table's lock before it is told. */
const lockWaitSeconds = 5

/**
 * The log has a statement before its effect can be seen, and the information schema does not wait for it; whoever
 * selects from the table does, for its lock. Throws a `TransientError` (`table-locked`) when that does not come.
 */
export async function waitForStatement(connection: Connection, name: TableName): Promise<void> {
  const error = await selectNothing(connection, name)
  await connection.query(`set session lock_wait_timeout = ${sessionLockWaitSeconds}`)
  if (error !== null) throw error
}

/** The error when the table is locked; null otherwise. */
async function selectNothing(connection: Connection, name: TableName): Promise<TransientError | null> {
  try {
    await connection.query(
      `set session lock_wait_timeout = ${lockWaitSeconds}; select 1 from ${tableIdentifier(name)} limit 0`,
    )
  } catch (error) {
    if (error instanceof TransientError && hasCode(error.cause, 'ER_LOCK_WAIT_TIMEOUT')) {
      return new TransientError({
        code: 'table-locked',
        message: `table ${name.schema}.${name.name} is locked by another session, and has to be looked at`,
        hint: 'See `show processlist` for a session that holds it (`lock tables`, a long statement); it is tried again.',
        cause: error,
      })
    }
    // It is not there or not for us: the description tells.
    if (!(error instanceof OperatorError)) throw error
  }
  return null
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/** Of an error. */
export function isTableLocked(error: unknown): error is TransientError {
  return error instanceof TransientError && error.code === 'table-locked'
}
