import type { Clock } from '../runtime/clock.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import { differences, findAudit } from '../state/audits.ts'
import type { Session } from '../state/session.ts'
import type { FollowedSource } from './followed-source.ts'

const lookMs = 10_000

export interface AuditorOptions {
  readonly sources: readonly FollowedSource[]
  readonly control: Session
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Compares each stream with its source now and then, slowly, of each source one after the other: a drift must not wait
 * to be asked for.
 */
export async function auditInBackground(options: AuditorOptions, signal: AbortSignal): Promise<void> {
  const { sources, clock } = options
  const auditSource = async (source: FollowedSource): Promise<void> => {
    while (!signal.aborted) {
      for (const stream of source.source.streams) await auditIfDue(source, stream, options, signal)
      await clock.sleep(lookMs, signal).catch(() => undefined)
    }
  }
  await Promise.all(sources.map(auditSource))
}

async function auditIfDue(
  source: FollowedSource,
  stream: string,
  { control, clock, log }: AuditorOptions,
  signal: AbortSignal,
): Promise<void> {
  const { background } = source
  if (background === null || !source.loaded || source.isAuditing(stream) || source.obstacle(stream) !== null)
    return
  const last = await findAudit(control, stream)
  const finishedMs = last?.finishedAt == null ? -Infinity : Date.parse(last.finishedAt)
  if (clock.now() - finishedMs < background.everyMs) return
  try {
    await source.audit(stream, signal, background)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    log.warn({ stream, code: error.code, hint: error.hint }, `not compared: ${error.message}`)
    return
  }
  const found = await findAudit(control, stream)
  if (found === null || differences(found) === 0) return
  const { missing, different, extra, sample } = found
  log.error(
    { stream, missing, different, extra, sample, hint: `run \`syncline verify ${stream} --repair\`` },
    `the mirror of ${stream} differs from its source`,
  )
}
