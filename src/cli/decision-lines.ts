import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { usageError } from './session.ts'

/** Postgres stores neither U+0000 nor half of a surrogate pair. */
const text = z
  .string()
  .refine((one) => !one.includes('\u0000') && !/\p{Surrogate}/u.test(one), 'cannot be stored')

/** As `review export` prints it, `2026-03-01 12:30:00.123456+00`, or as ISO 8601 has it; what Postgres would refuse is refused here. */
const time = z
  .string()
  .transform((at) => at.replace(' ', 'T').replace(/[+-]\d\d$/, '$&:00'))
  .refine(
    (at) =>
      z.iso.datetime({ offset: true }).safeParse(at).success && !/^0000|[+-](?:1[6-9]|2\d):\d\d$/.test(at),
    'is no time with its offset from UTC',
  )

const line = z.object({
  left: text,
  right: text,
  verdict: z.enum(['must', 'cannot']).nullable(),
  reason: text.nullable().default(null),
  by: text.optional(),
  at: time.optional(),
})

/** A decision as it is exported: JSON, one a line. A verdict of null takes one back. */
export interface DecisionLine {
  readonly left: string
  readonly right: string
  readonly verdict: 'must' | 'cannot' | null
  readonly reason: string | null
  /** Who said so, if the file tells. */
  readonly by?: string
  /** When, if the file tells. */
  readonly at?: string
}

/** Throws an `OperatorError` that names the file, or the line, that cannot be read. */
export async function readDecisions(file: string): Promise<DecisionLine[]> {
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    throw usageError(
      `${file} cannot be read (${String(error)})`,
      'name a file that `syncline review export` printed',
    )
  })
  return readDecisionLines(content, file)
}

function readDecisionLines(lines: string, file: string): DecisionLine[] {
  return lines.split('\n').flatMap((content, index): DecisionLine[] => {
    if (content.trim() === '') return []
    const parsed = line.safeParse(parseJson(content))
    if (!parsed.success) {
      throw usageError(
        `${file}:${index + 1} is no decision: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()).join('; ')}`,
        'each line is {"left": "…", "right": "…", "verdict": "must" or "cannot"}, as `syncline review export` prints it',
      )
    }
    const { by, at, ...rest } = parsed.data
    return [{ ...rest, ...(by === undefined ? {} : { by }), ...(at === undefined ? {} : { at }) }]
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
