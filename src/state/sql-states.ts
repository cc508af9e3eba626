import { BugError, OperatorError, SynclineError, TransientError } from '../runtime/errors.ts'

/** What Postgres' error codes mean for the caller; the one table of it. */
const operatorStates: Record<
  string,
  { area: 'permission' | 'configuration' | 'server'; code: string; hint: string }
> = {
  '28P01': {
    area: 'permission',
    code: 'warehouse-password',
    hint: 'check the user and password in the warehouse url',
  },
  '28000': { area: 'permission', code: 'warehouse-access', hint: 'let this user connect in pg_hba.conf' },
  '3D000': {
    area: 'configuration',
    code: 'warehouse-database',
    hint: 'create the database, or correct its name in the warehouse url',
  },
  '42501': {
    area: 'permission',
    code: 'warehouse-grant',
    hint: 'grant create on database to this user, or let it own the schemas syncline and warehouse',
  },
  '25006': {
    area: 'configuration',
    code: 'warehouse-read-only',
    hint: 'point the warehouse url at the primary and not at a standby, and check default_transaction_read_only',
  },
  '53100': {
    area: 'server',
    code: 'warehouse-disk-full',
    hint: 'free disk space at the warehouse and run again: nothing is lost',
  },
}

const transientStates = /^(08|40|53|55P03|57)/
const transientSystem = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/** A value that does not fit its column: the record is at fault, not the statement. */
export class DataError extends SynclineError {}

/** Whether the statement failed for no reason of its own, but for one before it in its transaction. */
export const isAborted = (error: unknown): boolean => stateOf(error) === '25P02'

/** Whether the statement gave up since others read what it needs for itself, or have made something that depends on it. */
export const isInUse = (error: unknown): boolean => ['55P03', '2BP01'].includes(stateOf(error))

/** Whether what the statement reads is not there any more. */
export const isUndefinedTable = (error: unknown): boolean => stateOf(error) === '42P01'

function stateOf(error: unknown): string {
  const { cause } = (error ?? {}) as { cause?: { code?: string } }
  return cause?.code ?? ''
}

/** Wraps what the driver threw by the caller's reaction. `where` names host and port, never a password. */
export function warehouseError(error: unknown, where: string, statement?: string): SynclineError {
  if (error instanceof SynclineError) return error
  const { code = '', message = String(error) } = (error ?? {}) as { code?: string; message?: string }
  const operator = operatorStates[code]
  if (operator) {
    return new OperatorError({ ...operator, message: `warehouse ${where}: ${message}`, cause: error })
  }
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new OperatorError({
      area: 'server',
      code: 'warehouse-unreachable',
      message: `warehouse ${where}: ${message}`,
      hint: 'start Postgres, or correct host and port in the warehouse url',
      cause: error,
    })
  }
  if (
    transientStates.test(code) ||
    transientSystem.has(code) ||
    /terminated|timeout expired/i.test(message)
  ) {
    return new TransientError({
      code: 'warehouse-connection-lost',
      message: `warehouse ${where}: ${message}`,
      hint: 'check that Postgres is up and run again: it goes on from the last commit, nothing is lost',
      cause: error,
    })
  }
  // Class 54: a key too long for its index, JSON too deep.
  if (/^(2[23]|54)/.test(code)) return new DataError({ code: 'value-refused', message, cause: error })
  return new BugError({
    code: 'statement-failed',
    message: `warehouse ${where}: ${message}${statement === undefined ? '' : ` in: ${statement}`}`,
    cause: error,
  })
}
