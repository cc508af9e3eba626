import { hostname, userInfo } from 'node:os'
import type { Json } from '../changes/ledger.ts'
import { StoppingError, TransientError } from '../runtime/errors.ts'
import type { CliSession, GlobalOptions } from './session.ts'

/** Who asks, for the logs and for whoever looks up later who paused a source. */
export function requester(): string {
  return `${userInfo().username}@${hostname()}`
}

/**
 * Has a command done by the running Syncline, or by this process if none runs. Stopped while it waits it fails with a
 * `TransientError`.
 */
export async function askLeader(
  session: CliSession,
  options: GlobalOptions,
  command: { readonly kind: string; readonly arguments: Readonly<Record<string, Json>> },
): Promise<Json> {
  const config = await session.loadConfig(options)
  const log = await session.createLogger()
  const { ask } = await import('../daemon/ask.ts')
  try {
    return await session.untilStopped(log, (signal) =>
      ask(config, { ...command, requestedBy: requester() }, { log, signal }),
    )
  } catch (error) {
    if (!(error instanceof StoppingError)) throw error
    throw new TransientError({
      code: 'stopped-waiting',
      message: `stopped before the ${command.kind} was done`,
      hint: 'It was asked for and will still be done: the log of the running Syncline, or of the next one, tells of it.',
    })
  }
}
