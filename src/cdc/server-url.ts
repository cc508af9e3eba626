import { OperatorError } from '../runtime/errors.ts'

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
  let url: URL
  try {
    url = new URL(text)
    if (url.protocol !== 'mysql:' && url.protocol !== 'mariadb:') throw new TypeError('not a MySQL url')
    const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost'
    const port = url.port === '' ? 3306 : Number(url.port)
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
    return { host, port, user, password, address: `${host}:${port}` }
  } catch {
    // Without the cause: its message would show the url, password included.
    throw new OperatorError({
      code: 'url-invalid',
      message: 'the url of a MySQL source cannot be read',
      hint: 'Write mysql://user:password@host:3306/database, special characters in the password percent-encoded.',
      area: 'configuration',
    })
  }
}

/** The database that the url names, or null. */
export function databaseOfUrl(url: string): string | null {
  parseServerUrl(url)
  const path = decodeURIComponent(new URL(url).pathname.slice(1))
  return path === '' ? null : path
}
