import { z } from 'zod'
import { usageError } from './session.ts'

const line = z.object({
  left: z.string(),
  right: z.string(),
  verdict: z.enum(['must', 'cannot']).nullable(),
  reason: z.string().nullable().default(null),
  by: z.string().optional(),
})

/** A decision as it is exported: JSON, one a line. A verdict of null takes one back. */
export interface DecisionLine {
  readonly left: string
  readonly right: string
  readonly verdict: 'must' | 'cannot' | null
  readonly reason: string | null
  /** Who said so, if the file tells. */
  readonly by?: string
}

/** Throws an `OperatorError` that names the line that cannot be read. */
export function readDecisionLines(text: string, file: string): DecisionLine[] {
  return text.split('\n').flatMap((content, index): DecisionLine[] => {
    if (content.trim() === '') return []
    const parsed = line.safeParse(parseJson(content))
    if (!parsed.success) {
      throw usageError(
        `${file}:${index + 1} is no decision: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()).join('; ')}`,
        'each line is {"left": "…", "right": "…", "verdict": "must" or "cannot"}, as `syncline review export` prints it',
      )
    }
    const { by, ...rest } = parsed.data
    return [{ ...rest, ...(by === undefined ? {} : { by }) }]
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
