import type { Clock } from '../runtime/clock.ts'
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

/** Compares each stream with its source now and then, slowly, one after the other: a drift must not wait to be asked for. */
export async function auditInBackground(options: AuditorOptions, signal: AbortSignal): Promise<void> {
  const { sources, clock } = options
  while (!signal.aborted) {
    for (const source of sources) {
      for (const stream of source.source.streams) await auditIfDue(source, stream, options, signal)
    }
    await clock.sleep(lookMs, signal).catch(() => undefined)
  }
}

async function auditIfDue(
  source: FollowedSource,
  stream: string,
  { control, clock, log }: AuditorOptions,
  signal: AbortSignal,
): Promise<void> {
  const { background } = source
  if (background === null || !source.loaded || source.isStopped(stream)) return
  const last = await findAudit(control, stream)
  const finishedMs = last?.finishedAt == null ? -Infinity : Date.parse(last.finishedAt)
  if (clock.now() - finishedMs < background.everyMs) return
  await source.audit(stream, signal, background)
  const found = await findAudit(control, stream)
  if (found === null || differences(found) === 0) return
  const { missing, different, extra, sample } = found
  log.error(
    { stream, missing, different, extra, sample, hint: `run \`syncline verify ${stream} --repair\`` },
    `the mirror of ${stream} differs from its source`,
  )
}
