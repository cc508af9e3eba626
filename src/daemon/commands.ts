import type { Json } from '../changes/ledger.ts'
import { BugError, OperatorError } from '../runtime/errors.ts'
import { differences, findAudit } from '../state/audits.ts'
import { pauseSource, resumeSource } from '../state/paused-sources.ts'
import type { Session } from '../state/session.ts'
import type { CommandHandler } from './command-runner.ts'
import type { FollowedSource } from './followed-source.ts'

/** What may be asked of the leader, by the name of the command. */
export function commandHandlers(
  sources: readonly FollowedSource[],
  control: Session,
): Readonly<Record<string, CommandHandler>> {
  const named = (name: Json | undefined): FollowedSource => {
    const found = sources.find(({ source }) => source.name === name)
    if (found) return found
    throw unknownName(
      'source',
      name,
      sources.map(({ source }) => source.name),
    )
  }
  const feeding = (stream: Json | undefined): FollowedSource => {
    const found = sources.find(({ source }) => source.streams.some((one) => one === stream))
    if (found) return found
    throw unknownName(
      'stream',
      stream,
      sources.flatMap(({ source }) => source.streams),
    )
  }
  return {
    resync: async ({ arguments: { stream } }, signal) => {
      await feeding(stream).resync(textOf(stream), signal)
      return null
    },
    verify: async ({ arguments: { stream, repair } }, signal) => {
      const source = feeding(stream)
      await source.audit(textOf(stream), signal)
      const report = await findAudit(control, textOf(stream))
      if (!report)
        throw new BugError({ code: 'audit-lost', message: `the comparison of ${textOf(stream)} is gone` })
      const repaired = repair === true && differences(report) > 0
      if (repaired) await source.resync(textOf(stream), signal, { repairs: true })
      return { ...report, repaired }
    },
    pause: async ({ arguments: { source }, requestedBy }) => {
      const found = named(source)
      await pauseSource(control, found.source.name, requestedBy)
      found.pause()
      return null
    },
    resume: async ({ arguments: { source } }) => {
      const found = named(source)
      await resumeSource(control, found.source.name)
      found.resume()
      return null
    },
  }
}

function unknownName(kind: string, name: Json | undefined, known: readonly string[]): OperatorError {
  return new OperatorError({
    area: 'usage',
    code: `no-such-${kind}`,
    message: `there is no ${kind} ${textOf(name)}`,
    hint: `use one of: ${known.join(', ')}`,
  })
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}
