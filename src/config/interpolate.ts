import { readFileSync } from 'node:fs'

export type Environment = Readonly<Record<string, string | undefined>>

/** `$${` stands for a plain `${`. */
const reference = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{/g

export interface Interpolation {
  readonly text: string
  /** What came from the environment: it may be secret. */
  readonly secrets: readonly string[]
  readonly problems: readonly { readonly reference: string; readonly message: string }[]
}

/**
 * Resolves `${VAR}` and `${VAR:-default}` (taken when the variable is unset or empty) in one scalar, after YAML was
 * parsed: whatever a variable holds stays one value. Inside the `user:password@` of a URL what is put in is
 * percent-encoded, so that a password may hold any character.
 */
export function interpolate(scalar: string, environment: Environment): Interpolation {
  const secrets: string[] = []
  const problems: { reference: string; message: string }[] = []
  let text = ''
  let end = 0
  for (const match of scalar.matchAll(reference)) {
    const [whole] = match
    const resolved = resolveReference(match, environment)
    text += scalar.slice(end, match.index)
    end = match.index + whole.length
    if ('problem' in resolved) {
      problems.push({ reference: whole, message: resolved.problem })
      continue
    }
    if (resolved.secret && resolved.text !== '') secrets.push(resolved.text)
    const encode = resolved.secret && inUserInfo(scalar.slice(0, match.index), scalar.slice(end))
    text += encode ? encodeURIComponent(resolved.text.toWellFormed()) : resolved.text
  }
  return { text: text + scalar.slice(end), secrets, problems }
}

type Resolved = { readonly text: string; readonly secret: boolean } | { readonly problem: string }

function resolveReference(match: RegExpExecArray, environment: Environment): Resolved {
  const [whole, variable, marker, fallback = ''] = match
  if (whole === '$${') return { text: '${', secret: false }
  if (variable === undefined) {
    return { problem: 'is not a reference: write ${NAME} or ${NAME:-default}, or $${ for a plain ${' }
  }
  const found = readVariable(variable, environment)
  if ('problem' in found) return found
  const { value } = found
  if (marker !== undefined && (value === undefined || value === '')) return { text: fallback, secret: false }
  if (value === undefined) {
    return { problem: `the environment variable ${variable} is not set, nor is ${variable}_FILE` }
  }
  return { text: value, secret: true }
}

/** The value of a variable, or the content of the file that `…_FILE` names, without the newline at its end. */
export function readVariable(
  variable: string,
  environment: Environment,
): { readonly value: string | undefined } | { readonly problem: string } {
  const value = environment[variable]
  const file = environment[`${variable}_FILE`]
  if (value !== undefined || file === undefined || file === '') return { value }
  try {
    return { value: readFileSync(file, 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    return { problem: `the file that ${variable}_FILE names cannot be read (${code})` }
  }
}

function inUserInfo(before: string, after: string): boolean {
  return (
    /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*$/i.test(before) && /^[^/?#]*@/.test(after.replace(/\$\{[^}]*\}/g, ''))
  )
}
