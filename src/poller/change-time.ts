/**
 * A time as an API writes it: ISO 8601, with or without a zone, or a number of seconds or milliseconds since the epoch.
 * Returns milliseconds since the epoch, or null. Without a zone it is taken as UTC.
 */
export function timeOf(text: string): number | null {
  if (/^\d{1,16}$/.test(text)) return Number(text) * (isSeconds(text) ? 1000 : 1)
  const ms = Date.parse(hasZone(text) || !text.includes(':') ? text : `${text}Z`)
  return Number.isNaN(ms) ? null : ms
}

/** The time so much earlier, written as the given one is; whole milliseconds, rounded down. */
export function earlier(text: string, ms: number): string {
  const at = (timeOf(text) ?? 0) - ms
  if (/^\d+$/.test(text)) return String(Math.max(0, isSeconds(text) ? Math.floor(at / 1000) : at))
  const iso = new Date(at).toISOString()
  if (!text.includes(':')) return iso.slice(0, 10)
  const spaced = text.includes('T') ? iso : iso.replace('T', ' ')
  return hasZone(text) ? spaced : spaced.slice(0, -1)
}

/** The earlier of a time and a moment in milliseconds since the epoch, and `ms` before that; written as the time is. */
export function noLater(text: string, { limit, ms }: { limit: number; ms: number }): string {
  return earlier(text, Math.max(0, (timeOf(text) ?? 0) - limit) + ms)
}

/** Eleven digits of seconds are the year 5138. */
const isSeconds = (text: string): boolean => text.length < 12

const hasZone = (text: string): boolean => /(?:z|[+-]\d{2}(?::?\d{2})?)$/i.test(text) && text.includes(':')
