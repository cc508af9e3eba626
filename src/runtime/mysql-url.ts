const encode =
  'percent-encode the special characters of the user and the password, for instance / as %2F and @ as %40'

/**
 * What keeps a MySQL url from meaning what its writer meant, or null. Parameters are refused, not ignored: who writes
 * `?ssl-mode=REQUIRED` must not be connected in plain text. Never repeats the url: where a password holds `/`, `?` or
 * `@`, a part of it stands where the host, the database or a parameter should.
 */
export function mysqlUrlProblem({
  username,
  password,
  pathname,
  search,
  hash,
  searchParams,
}: URL): string | null {
  const afterHost = `${pathname}${search}${hash}`
  if ([...searchParams.keys()].some((name) => /^(use-?)?(ssl|tls)/i.test(name)) && !afterHost.includes('@')) {
    return 'must not have parameters: encryption is set by `tls:` of the source'
  }
  if (afterHost.includes('@')) return `has an @ after its first / or ?: ${encode}`
  if (search !== '' || hash !== '') {
    return `must end with the database, without ? or #: remove the parameters, or ${encode}`
  }
  if (pathname.indexOf('/', 1) > 0)
    return `must end with the database, without a second /: remove it, or ${encode}`
  return [username, password, pathname].every(isDecodable) ? null : `has a % that encodes nothing: ${encode}`
}

/** Of a text that begins as a url and is none: `user:pa/ss@host` has a port that is no number. */
export const unreadableUrl = `cannot be read as a URL: ${encode}`

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
