import type { Json } from '../changes/ledger.ts'
import type { Source } from '../changes/source.ts'
import type { Config } from '../config/config.ts'
import { runDaemon } from '../daemon.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { Releasers } from '../runtime/releasers.ts'
import { commandResult, requestCommand, type Command } from '../state/commands.ts'
import { migrate } from '../state/migrate.ts'
import { Session } from '../state/session.ts'
import { warehouseUrl } from './open-warehouse.ts'

/**
 * Asks the one that may write to do something, and waits for what came of it. Meanwhile this process is a standby:
 * if nobody leads, it leads itself until the command is done, and reads no source but that of the stream the command is about.
 */
export async function ask(
  config: Config,
  command: Omit<Command, 'id'>,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<Json> {
  const releasers = new Releasers()
  try {
    const url = await warehouseUrl(config, { log, releasers })
    const session = await Session.connect({ url, applicationName: `syncline ${command.kind}` })
    releasers.push(() => session.close())
    await migrate(session)
    const id = await requestCommand(session, command)
    const done = new AbortController()
    const stop = AbortSignal.any([signal, done.signal])
    const { stream } = command.arguments
    const reads = ({ streams }: Source): boolean => streams.some((one) => one === stream)
    const standby = runDaemon(config, { log, signal: stop, reads })
    // Should the standby fail, nobody may ever do what was asked.
    const failed = standby.then(() => new Promise<never>(() => undefined))
    try {
      return await Promise.race([commandResult(session, id, { clock: systemClock, signal }), failed])
    } finally {
      done.abort()
      await standby.catch(() => undefined)
    }
  } finally {
    await releasers.release()
  }
}
