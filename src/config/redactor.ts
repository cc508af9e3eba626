const mask = '***'

/** Shorter ones would tear holes into every other word, and guard nothing. */
const shortestSecret = 4

/** Knows the secrets of a configuration and takes them out of texts that are to be printed. */
export class Redactor {
  readonly #secrets = new Set<string>()
  #pattern: RegExp | null = null

  /** A secret as it is, and as JSON and URLs spell it. */
  add(secret: string): void {
    for (const spelling of [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret.toWellFormed()),
    ]) {
      if (spelling.length >= shortestSecret) this.#secrets.add(spelling)
    }
    this.#pattern = null
  }

  /** The password and the secret-looking parameters of a URL, and the URL as a whole. */
  addUrl(text: string): void {
    if (!URL.canParse(text)) return
    const url = new URL(text)
    if (url.password !== '') {
      this.add(text)
      this.add(decoded(url.password))
    }
    for (const [name, value] of url.searchParams) if (looksSecret(name)) this.add(value)
  }

  redact(text: string): string {
    // The longest first, or the rest of one that contains another would be left.
    this.#pattern ??= new RegExp(
      [...this.#secrets, '\u0000']
        .sort((a, b) => b.length - a.length)
        .map((secret) => secret.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
        .join('|'),
      'g',
    )
    return maskUserInfo(text.replace(this.#pattern, mask))
  }
}

/** A URL without its user, its password and its secret-looking parameters; any other text as it is. */
export function maskUrl(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text
  return maskUserInfo(text).replace(/([?&])([^=&#]*)=([^&#]*)/g, (whole, separator: string, name: string) =>
    looksSecret(name) ? `${separator}${name}=${mask}` : whole,
  )
}

/** Any text with the user and password of its URLs masked. */
export function maskUserInfo(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'`]*@/gi, `$1${mask}@`)
}

export function looksSecret(name: string): boolean {
  return /pass|pwd|secret|token|key|auth|cookie|credential|signature|^sig$/i.test(name)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
