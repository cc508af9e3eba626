import { z } from 'zod'
import { unreadableUrl } from '../runtime/mysql-url.ts'
import { parseByteSize } from './byte-size.ts'
import { parseDuration } from './duration.ts'
import { cronProblem } from './cron.ts'

/** Schemas of single values. Their messages are what the operator reads after the position and the path. */

const longestIdentifier = 63

/** A table, schema or prefix: lower case, so that nobody ever has to quote it. */
export const name = z
  .string()
  .regex(/^[a-z_][a-z0-9_]*$/, 'must be a lower-case name: letters, digits and _, not beginning with a digit')
  .max(longestIdentifier, `must not be longer than ${longestIdentifier} characters`)

/** A column or a field; suppliers do use upper case. */
export const columnName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a name: letters, digits and _, not beginning with a digit')
  .max(longestIdentifier, `must not be longer than ${longestIdentifier} characters`)

export const text = z.string().min(1, 'must not be empty')

export const duration = z
  .string()
  .refine((value) => parseDuration(value) !== null, {
    error: 'must be a duration such as 500ms, 30s, 5m, 12h or 90d',
  })
  .meta({ valueName: 'duration' })

export const byteSize = z
  .string()
  .refine((value) => parseByteSize(value) !== null, {
    error: 'must be a size such as 512KiB, 64MiB or 10MB',
  })
  .meta({ valueName: 'size' })

export const cron = z
  .string()
  .superRefine((value, context) => {
    const problem = cronProblem(value)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })
  .meta({ valueName: 'cron expression' })

export const jsonPointer = z
  .string()
  .regex(/^(\/([^~/]|~[01])*)*$/, 'must be a JSON pointer such as /users')
  .meta({ valueName: 'JSON pointer' })

export const date = z.iso.date({ error: 'must be a date such as 2017-02-02' }).meta({ valueName: 'date' })

/** The path of a file, relative to the configuration file; that it exists is checked where the file is known. */
export const filePath = text.meta({ valueName: 'file' })

interface UrlRule {
  readonly schemes: readonly [string, ...string[]]
  /** Those that messages name, all unless told: some are spellings of one that is named. */
  readonly named?: readonly string[]
  /** A word that may stand in place of a URL. */
  readonly orElse?: string
  readonly check?: (url: URL) => string | null
}

/** A URL with one of these schemes and a host. */
export function url(rule: UrlRule): z.ZodString {
  return z
    .string()
    .superRefine((value, context) => {
      const problem = value === rule.orElse ? null : urlProblem(value, rule)
      if (problem !== null) context.addIssue({ code: 'custom', message: problem })
    })
    .meta({ valueName: rule.orElse === undefined ? 'URL' : `URL or \`${rule.orElse}\`` })
}

/** Never repeats the URL, which may hold a password. */
function urlProblem(value: string, { schemes, named = schemes, orElse, check }: UrlRule): string | null {
  const begin = `a URL that begins with ${named.map((scheme) => `${scheme}://`).join(' or ')}`
  const expected = `must be ${orElse === undefined ? '' : `"${orElse}" or `}${begin}`
  if (!URL.canParse(value)) {
    return schemes.some((scheme) => value.startsWith(`${scheme}://`)) ? unreadableUrl : expected
  }
  const parsed = new URL(value)
  if (!schemes.includes(parsed.protocol.replace(/:$/, ''))) return expected
  if (parsed.hostname === '' && !parsed.searchParams.has('host')) return 'must name a host'
  return check?.(parsed) ?? null
}
