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
  const text = scalar.replace(
    reference,
    (
      whole: string,
      variable: string | undefined,
      marker: string | undefined,
      fallback: string | undefined,
      at: number,
    ) => {
      if (whole === '$${') return '${'
      if (variable === undefined) {
        problems.push({
          reference: whole,
          message: 'is not a reference: write ${NAME} or ${NAME:-default}, or $${ for a plain ${',
        })
        return whole
      }
      const found = readVariable(variable, environment)
      if ('problem' in found) {
        problems.push({ reference: whole, message: found.problem })
        return ''
      }
      const { value } = found
      if (value === undefined || (value === '' && marker !== undefined)) {
        if (marker !== undefined) return fallback ?? ''
        problems.push({
          reference: whole,
          message: `the environment variable ${variable} is not set, nor is ${variable}_FILE`,
        })
        return ''
      }
      if (value !== '') secrets.push(value)
      return inUserInfo(scalar, at, whole.length) ? encodeURIComponent(value.toWellFormed()) : value
    },
  )
  return { text, secrets, problems }
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

function inUserInfo(scalar: string, at: number, length: number): boolean {
  const before = scalar.slice(0, at)
  const after = scalar.slice(at + length)
  return (
    /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*$/i.test(before) && /^[^/?#]*@/.test(after.replace(/\$\{[^}]*\}/g, ''))
  )
}
