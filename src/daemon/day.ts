import type { Clock } from '../runtime/clock.ts'

/** The current UTC date, `YYYY-MM-DD`. */
export function today(clock: Clock): string {
  return new Date(clock.now()).toISOString().slice(0, 10)
}
