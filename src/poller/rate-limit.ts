type Headers = Readonly<Record<string, string>>

/**
 * Until when an API wants no more requests, in milliseconds since the epoch, by the headers of an answer; null when it has
 * room left or does not say. Understands `RateLimit: "name";r=0;t=30` (draft-ietf-httpapi-ratelimit-headers-08), its
 * earlier form `RateLimit-Remaining` and `RateLimit-Reset` in seconds, and `X-RateLimit-…`, whose reset is in seconds
 * or, when that large, since the epoch. No later than in an hour (`longestPauseMs`).
 */
export function limitedUntil(headers: Headers, now: number): number | null {
  const structured = [...(headers['ratelimit'] ?? '').matchAll(/;\s*r=(\d+)[^,]*?;\s*t=(\d+)/g)]
  const resets = structured.filter(([, left]) => Number(left) === 0).map(([, , reset]) => Number(reset))
  for (const prefix of ['ratelimit-', 'x-ratelimit-', 'x-rate-limit-']) {
    const left = wholeNumber(headers[`${prefix}remaining`])
    const reset = wholeNumber(headers[`${prefix}reset`])
    if (left === 0 && reset !== null) resets.push(reset)
  }
  if (resets.length === 0) return null
  const until = Math.max(...resets.map((reset) => (reset > sinceEpoch ? reset * 1000 : now + reset * 1000)))
  return Math.min(until, now + longestPauseMs)
}

/**
 * However long an API wants to be left alone, by mistake perhaps: then it is asked once more, and may say so again. No
 * source is to be silent for years because of one header.
 */
export const longestPauseMs = 3_600_000

/** A reset of so many seconds is no span of time. */
const sinceEpoch = 100_000_000

function wholeNumber(text: string | undefined): number | null {
  // Several values are several windows: the first is the one that applies.
  const [first = ''] = (text ?? '').split(/[,;]/)
  return /^\d{1,12}$/.test(first.trim()) ? Number(first.trim()) : null
}
