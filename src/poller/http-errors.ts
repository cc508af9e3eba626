import { OperatorError, StoppingError, SynclineError, TransientError } from '../runtime/errors.ts'
import { longestPauseMs } from './rate-limit.ts'
import { BodyTooLarge, DeadlineExceeded, type FetchResponse } from './http-fetcher.ts'

/** `where` names the page without secrets, for instance `source vendor: page 17 (https://host/users?page=17)`. */
export function failureOf(error: unknown, where: string): SynclineError {
  if (error instanceof SynclineError) return error
  if (error instanceof BodyTooLarge) {
    return new OperatorError({
      code: 'page-too-large',
      area: 'server',
      message: `${where} is too large: ${error.message}`,
      hint: 'Ask the API for smaller pages, or raise `maxBodyBytes` of the source if such pages are expected.',
    })
  }
  if (error instanceof DeadlineExceeded) {
    const hint = 'If the API is just slow, raise `timeout` of the source or lower its `concurrency`.'
    return new TransientError({ code: 'timeout', message: `${where}: ${error.message}`, hint })
  }
  const code = codeOf(error)
  if (tlsAlert.test(code)) return refusedByServer(where, code)
  const operator = operatorFailures(where)[code] ?? (tlsFailure.test(code) ? tls(where, code) : undefined)
  if (operator !== undefined) return operator
  return new TransientError({
    code: truncations.has(code) ? 'truncated' : 'connection-failed',
    message: `${where}: ${truncations.has(code) ? 'the answer broke off' : 'the connection failed'} (${code})`,
    hint: 'Check that the API is up and can be reached from here.',
    cause: error,
  })
}

/** The innermost code: what the operating system or undici calls the failure. */
function codeOf(error: unknown): string {
  let code = 'unknown'
  let inner = error
  while (inner instanceof Error) {
    const own = (inner as NodeJS.ErrnoException).code
    if (typeof own === 'string') code = own
    inner =
      inner instanceof AggregateError && inner.errors.length > 0 ? (inner.errors[0] as unknown) : inner.cause
  }
  return code
}

/** What undici calls a request that no header can be made of. */
const unsendable = 'UND_ERR_INVALID_ARG'

/** Then the host is not to blame. */
export const wasNeverSent = (error: unknown): boolean => codeOf(error) === unsendable

const truncations = new Set([
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_SOCKET',
  'Z_BUF_ERROR',
  'Z_DATA_ERROR',
  'HPE_INVALID_EOF_STATE',
])

/** What the server says before it ends the connection (RFC 5246, 7.2). */
const tlsAlert = /^ERR_SSL_.*ALERT/

const tlsFailure = /CERT|^ERR_TLS|^ERR_SSL|SELF_SIGNED|UNABLE_TO_VERIFY/

const tls = (where: string, code: string): OperatorError =>
  new OperatorError({
    code: 'tls-failed',
    area: 'server',
    message: `${where}: the server's certificate is not trusted (${code})`,
    hint: 'Check the host name in the URL; name the authority of the certificate in `tls.ca` of the source if it is not a public one.',
  })

const refusedByServer = (where: string, code: string): OperatorError =>
  new OperatorError({
    code: 'tls-refused',
    area: 'server',
    message: `${where}: the server refused to speak TLS with us (${code})`,
    hint: 'If it asks for a certificate of its clients, name one that it trusts in `tls.cert` and `tls.key` of the source.',
  })

const operatorFailures = (where: string): Readonly<Record<string, OperatorError>> => ({
  [unsendable]: new OperatorError({
    code: 'request-invalid',
    area: 'configuration',
    message: `${where} cannot be asked for: HTTP does not allow what a header would hold`,
    hint: 'Look for line ends and letters beyond Latin-1 in `auth` and `headers` of the source; a secret read from a file often ends with a line end.',
  }),
  ENOTFOUND: new OperatorError({
    code: 'unknown-host',
    area: 'server',
    message: `${where}: the host is not known`,
    hint: 'Check the host name in the URL of the source.',
  }),
})

/** The error for a status other than 200, or null. */
export function statusFailure(response: FetchResponse, where: string, now: number): SynclineError | null {
  const { status } = response
  if (status === 200) return null
  if (status === 401 || status === 403) {
    return new OperatorError({
      code: 'access-denied',
      area: 'permission',
      message: `${where} was refused with status ${status}`,
      hint: 'Check the credentials of the source: its `auth`, or those in its URL or `headers`.',
    })
  }
  if (status === 404 || status === 410) {
    return new OperatorError({
      code: 'page-not-found',
      area: 'configuration',
      message: `${where} does not exist (status ${status})`,
      hint: 'Check the path and the version in the URL of the source, and the number of its first page.',
    })
  }
  if (passes(status)) {
    const retryAfterMs = retryAfterOf(response, now)
    return new TransientError({
      code: status === 429 ? 'rate-limited' : 'server-failed',
      message: `${where} was answered with status ${status}`,
      hint:
        status === 429
          ? 'The API asks for fewer requests: lower `concurrency` of the source, or run again later.'
          : 'The API fails on its own side: look at its status page or tell its operator, and run again later.',
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
    })
  }
  return new OperatorError({
    code: 'unexpected-status',
    area: 'server',
    message: `${where} was answered with status ${status}, which is not a page`,
    hint: 'Ask for the page with curl and compare the URL, headers and page parameter of the source.',
  })
}

const passes = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status >= 500

/** After how many milliseconds an answer that says "not now" wants to be asked again; null if it does not say. */
export function retryAfterOf({ status, headers }: FetchResponse, now: number): number | null {
  if (!passes(status)) return null
  // Its clock may differ from ours: a date is meant as its own clock shows it.
  const theirs = Date.parse(headers['date'] ?? '')
  return parseRetryAfter(headers['retry-after'], Number.isNaN(theirs) ? now : theirs)
}

/** `Retry-After` in milliseconds from now: seconds or an HTTP date, an hour at most; null without one. */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? ''
  if (/^\d+$/.test(text)) return Math.min(longestPauseMs, Number(text) * 1000)
  const at = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(at) ? null : Math.min(longestPauseMs, Math.max(0, at - now))
}

export function isStopping(error: unknown, signal: AbortSignal): boolean {
  return error instanceof StoppingError || signal.aborted
}
