import type { Config } from '../config/config.ts'
import type { DaemonState } from '../daemon.ts'
import type { Logger } from '../runtime/logger.ts'
import { ServiceManager } from '../runtime/service-manager.ts'
import type { RunOptions } from './run-options.ts'
import { usageError, type CliSession } from './session.ts'
import { stateLine } from './state-line.ts'

/** `syncline run`: follows the sources until a signal; a hang-up drains and goes on with the file as it is then. */
export async function follow(session: CliSession, options: RunOptions): Promise<void> {
  refuseSnapshotOptions(options)
  let config = await session.loadConfig(options, { asOf: options.asOf })
  const log = await session.createLogger()
  const { runDaemon } = await import('../daemon.ts')
  const manager = new ServiceManager(session.surroundings.environment, log)
  let reloading = new AbortController()
  const onReload = (): void => {
    log.info('reading the configuration again')
    reloading.abort()
  }
  const work = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const stop = AbortSignal.any([signal, reloading.signal])
      await runDaemon(config, {
        log,
        signal: stop,
        prune: options.prune === true,
        ...(config.asOf === null ? {} : { asOf: config.asOf }),
        onState: (state) => {
          manager.tell(state)
          showState(session, state)
        },
      })
      if (signal.aborted || !reloading.signal.aborted) return
      // Anew before the file is read: it may change, and somebody say so, meanwhile.
      reloading = new AbortController()
      config = await reload(session, { options, log, current: config })
    }
  }
  try {
    await session.untilStopped(log, work, onReload)
  } finally {
    manager.stopping()
    session.statusLine.clear()
  }
  log.info('stopped')
}

/** A file with mistakes is refused as a whole: what worked goes on. */
async function reload(
  session: CliSession,
  { options, log, current }: { options: RunOptions; log: Logger; current: Config },
): Promise<Config> {
  try {
    return await session.loadConfig(options, { asOf: options.asOf })
  } catch (error) {
    const { errorText } = await import('./error-text.ts')
    const { redact, surroundings } = session
    log.error(errorText(error, { terminal: true, debug: false, redact, now: surroundings.now() }))
    log.error('the configuration was not taken over: the one before goes on')
    return current
  }
}

function showState(session: CliSession, state: DaemonState): void {
  if (session.terminal) session.statusLine.show(stateLine(state))
}

function refuseSnapshotOptions({ output, keep }: RunOptions): void {
  if (output !== undefined) throw usageError('--output is for --snapshot', 'add --snapshot, or leave it out')
  if (keep) throw usageError('--keep is for --snapshot', 'add --snapshot, or leave it out')
}
