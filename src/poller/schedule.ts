import cron from 'node-cron'
import type { Logger } from '../runtime/logger.ts'
import type { HttpSourceOptions } from './options.ts'

const everyFiveMinutes = '*/5 * * * *'

/** The schedule of a source, or what replaces it. Returns what stops it. */
export function scheduleOf(
  { name, schedule = everyFiveMinutes, jitterMs = 0, log, startSchedule: start }: HttpSourceOptions,
  onTick: () => Promise<void>,
): () => void {
  return start === undefined
    ? startSchedule({ name, expression: schedule, jitterMs, onTick, log })
    : start(() => void onTick())
}

export interface ScheduleOptions {
  readonly name: string
  /** Minute, hour, day, month, weekday. */
  readonly expression: string
  /** Each tick comes up to so much later, at random. */
  readonly jitterMs: number
  /** While it has not resolved, further ticks are left out. */
  readonly onTick: () => Promise<void>
  readonly log: Logger
}

/**
 * Calls back when the expression says so, in UTC: with a zone's summer time a job of every quarter of an hour would
 * pause for an hour. Returns what stops it.
 */
export function startSchedule({ name, expression, jitterMs, onTick, log }: ScheduleOptions): () => void {
  const say =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string | Error): void => {
      log[level](`source ${name}: schedule: ${message instanceof Error ? message.message : message}`)
    }
  const task = cron.schedule(expression, onTick, {
    name,
    timezone: 'UTC',
    noOverlap: true,
    maxRandomDelay: jitterMs,
    logger: { debug: say('debug'), info: say('debug'), warn: say('warn'), error: say('error') },
  })
  return () => {
    void task.destroy()
  }
}
