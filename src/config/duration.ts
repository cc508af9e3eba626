import { BugError } from '../runtime/errors.ts'

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `30s`, `1.5h`, `90d` in milliseconds; null when the text is not a duration. A bare number has no unit and is none. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim())
  if (!match) return null
  const ms = Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs])
  return Number.isSafeInteger(ms) ? ms : null
}

/** For text that the schema has let through. */
export function msOf(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new BugError({ code: 'duration-unchecked', message: 'a duration was not validated' })
  return ms
}
