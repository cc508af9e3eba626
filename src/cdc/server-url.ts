import { OperatorError } from '../runtime/errors.ts'
import { mysqlUrlProblem } from '../runtime/mysql-url.ts'

/** What a url says about a server. */
export interface ServerAddress {
  /** `host:port`, for messages. */
  readonly address: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
}

export function parseServerUrl(text: string): ServerAddress {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol !== 'mysql:' && url?.protocol !== 'mariadb:') throw invalid('cannot be read')
  const problem = mysqlUrlProblem(url)
  if (problem !== null) throw invalid(problem)
  const host = hostOf(url)
  const port = url.port === '' ? 3306 : Number(url.port)
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
  return { host, port, user, password, address: `${host}:${port}` }
}

function hostOf({ hostname }: URL): string {
  try {
    return decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost'
  } catch {
    throw invalid('names a host that cannot be read')
  }
}

/** Without a cause: its message would show the url, password included. */
function invalid(problem: string): OperatorError {
  return new OperatorError({
    code: 'url-invalid',
    message: `the url of a MySQL source ${problem}`,
    hint: 'Write mysql://user:password@host:3306/database, special characters in the password percent-encoded.',
    area: 'configuration',
  })
}

/** The database that the url names, or null. */
export function databaseOfUrl(url: string): string | null {
  parseServerUrl(url)
  const path = decodeURIComponent(new URL(url).pathname.slice(1))
  return path === '' ? null : path
}
