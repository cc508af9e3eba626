import { OperatorError, SynclineError, TransientError, type OperatorArea } from '../runtime/errors.ts'

/** What `mysql2` throws: an error of the server, of the socket or of the protocol. */
interface DriverError extends Error {
  readonly code?: string
  readonly errno?: number
}

/** Lost links, restarts and clashes: the same statement may work on the next attempt. */
const transient = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'EAI_AGAIN',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'PROTOCOL_PACKETS_OUT_OF_ORDER',
  'ER_CON_COUNT_ERROR',
  'ER_TOO_MANY_USER_CONNECTIONS',
  'ER_USER_LIMIT_REACHED',
  'ER_SERVER_SHUTDOWN',
  'ER_NORMAL_SHUTDOWN',
  'ER_NEW_ABORTING_CONNECTION',
  'ER_ABORTING_CONNECTION',
  'ER_CONNECTION_KILLED',
  'ER_NET_READ_ERROR',
  'ER_NET_READ_INTERRUPTED',
  'ER_NET_ERROR_ON_WRITE',
  'ER_NET_WRITE_INTERRUPTED',
  'ER_NET_PACKETS_OUT_OF_ORDER',
  'ER_CLIENT_INTERACTION_TIMEOUT',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_QUERY_INTERRUPTED',
  'ER_QUERY_TIMEOUT',
  'ER_STATEMENT_TIMEOUT',
  'ER_TABLE_DEF_CHANGED',
  'ER_SERVER_OFFLINE_MODE',
  'ER_OUT_OF_RESOURCES',
  'ER_OUTOFMEMORY',
])

interface Cured {
  readonly area: OperatorArea
  readonly code: string
  readonly hint: string
}

const cured = (area: OperatorArea, code: string, hint: string): Cured => ({ area, code, hint })

const serverUnusable = cured(
  'server',
  'server-unusable',
  'Mend what the server names in its message, or ask who runs it; then run again.',
)
const denied = cured(
  'permission',
  'access-denied',
  'Check user and password in the source’s url, and that this user may connect from this host.',
)
const notGranted = cured(
  'permission',
  'grant-missing',
  'Have what the message names granted to this user (`grant select on database.table to user;`).',
)
const notThere = cured(
  'configuration',
  'table-missing',
  'Check the database of the source’s url and the names under `tables`.',
)

/** What somebody has to mend, by the server's or the socket's error code. */
const operator: Readonly<Record<string, Cured>> = {
  ENOTFOUND: cured(
    'server',
    'unknown-host',
    'Check the host in the source’s url and the name resolution of this machine.',
  ),
  ER_ACCESS_DENIED_ERROR: denied,
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: denied,
  ER_ACCOUNT_HAS_BEEN_LOCKED: denied,
  ER_MUST_CHANGE_PASSWORD: denied,
  ER_MUST_CHANGE_PASSWORD_LOGIN: denied,
  ER_HOST_NOT_PRIVILEGED: denied,
  ER_HOST_IS_BLOCKED: cured(
    'server',
    'host-blocked',
    'Run `flush hosts` (or `truncate performance_schema.host_cache`) on the server.',
  ),
  AUTH_SWITCH_PLUGIN_ERROR: denied,
  ER_SECURE_TRANSPORT_REQUIRED: cured(
    'configuration',
    'tls-required',
    'The server accepts encrypted connections only: set `tls` for this source.',
  ),
  HANDSHAKE_NO_SSL_SUPPORT: cured(
    'configuration',
    'tls-unsupported',
    'The server offers no TLS: give it a certificate or remove `tls` from this source.',
  ),
  HANDSHAKE_SSL_ERROR: cured(
    'configuration',
    'tls-failed',
    'Check `tls.ca` and that the certificate names the host in the source’s url.',
  ),
  ER_DBACCESS_DENIED_ERROR: notGranted,
  ER_TABLEACCESS_DENIED_ERROR: notGranted,
  ER_COLUMNACCESS_DENIED_ERROR: notGranted,
  ER_SPECIFIC_ACCESS_DENIED_ERROR: notGranted,
  ER_BAD_DB_ERROR: notThere,
  ER_NO_SUCH_TABLE: notThere,
  ER_BAD_FIELD_ERROR: { ...notThere, code: 'column-missing' },
}

/** The class of an error by what the caller does about it. `server` is `host:port`, never with a password. */
export function classifyServerError(error: unknown, server: string): Error {
  if (error instanceof SynclineError) return error
  const { code = '', message } = (error instanceof Error ? error : new Error(String(error))) as DriverError
  const text = message === '' ? code : message
  if (transient.has(code)) {
    return new TransientError({
      code: code.startsWith('E') && !code.startsWith('ER_') ? 'server-unreachable' : 'server-interrupted',
      message: `MySQL server ${server}: ${text}`,
      hint: 'Check that the server runs and can be reached from this machine, then run again: it goes on from the last commit.',
      cause: error,
    })
  }
  const known = operator[code]
  if (known !== undefined) return operatorError(known, `MySQL server ${server}: ${text}`, error)
  // Everything else that the server itself says; an error without a code is a defect of ours.
  if (code !== '') return operatorError(serverUnusable, `MySQL server ${server}: ${text} (${code})`, error)
  return error instanceof Error ? error : new Error(text)
}

function operatorError({ area, code, hint }: Cured, message: string, cause: unknown): OperatorError {
  return new OperatorError({ code, message, hint, area, cause })
}
