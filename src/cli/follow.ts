import type { Config } from '../config/config.ts'
import type { DaemonState } from '../daemon.ts'
import type { Leader } from '../daemon/leader.ts'
import type { Logger } from '../runtime/logger.ts'
import { ServiceManager } from '../runtime/service-manager.ts'
import { HangUps } from './hang-ups.ts'
import type { RunOptions } from './run-options.ts'
import { usageError, type CliSession } from './session.ts'
import { stateLine } from './state-line.ts'

/** `syncline run`: follows the sources until a signal; a hang-up drains and goes on with the file as it is then. */
export async function follow(session: CliSession, options: RunOptions): Promise<void> {
  refuseSnapshotOptions(options)
  const log = await session.createLogger()
  const hangUps = new HangUps()
  // Before all that takes long: whoever hangs up a service that has just begun must not end it.
  await session.untilStopped(
    log,
    (signal) => new Following(session, { options, log, hangUps }).run(signal),
    () => {
      hangUps.note()
    },
  )
  log.info('stopped')
}

interface Surroundings {
  readonly options: RunOptions
  readonly log: Logger
  readonly hangUps: HangUps
}

/** Follows with one configuration after the other. */
class Following {
  readonly #session: CliSession
  readonly #surroundings: Surroundings
  readonly #manager: ServiceManager
  /** Who led last in this process, unless another one has led since: what it knows judges a new configuration. */
  #leader: Leader | null = null

  constructor(session: CliSession, surroundings: Surroundings) {
    this.#session = session
    this.#surroundings = surroundings
    this.#manager = new ServiceManager(session.surroundings.environment, surroundings.log)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { options, hangUps } = this.#surroundings
    // What was asked until now is about to be done.
    hangUps.forget()
    try {
      let config: Config | null = await this.#session.loadConfig(options, { asOf: options.asOf })
      while (config && !signal.aborted) {
        this.#session.redact = config.redact
        config = await this.#followWith(config, signal)
      }
    } finally {
      this.#manager.stopping()
      this.#session.statusLine.clear()
    }
  }

  /** Until the signal (null), or until a hang-up has brought another configuration: that one, when all is drained. */
  async #followWith(config: Config, signal: AbortSignal): Promise<Config | null> {
    const { runDaemon } = await import('../daemon.ts')
    const { options, log } = this.#surroundings
    const ended = new AbortController()
    const stop = AbortSignal.any([signal, ended.signal])
    const daemon = runDaemon(config, {
      log,
      signal: stop,
      prune: options.prune === true,
      ...(config.asOf === null ? {} : { asOf: config.asOf }),
      onLeading: (leader) => {
        this.#leader = leader
      },
      onState: (state) => {
        this.#tell(state)
      },
    })
    const end = (): void => {
      ended.abort()
    }
    const [next] = await Promise.all([this.#nextConfig(config, stop).finally(end), daemon.finally(end)])
    return next
  }

  /** Null when the signal comes before a hang-up that brings a configuration to go on with. */
  async #nextConfig(present: Config, signal: AbortSignal): Promise<Config | null> {
    const { hangUps, log } = this.#surroundings
    while (await hangUps.next(signal)) {
      log.info('reading the configuration again')
      const next = await this.#readAgain(present)
      if (next) return next
    }
    return null
  }

  /** A file with mistakes is refused as a whole, and before anything is given up for it: what worked goes on. */
  async #readAgain(present: Config): Promise<Config | null> {
    const { options } = this.#surroundings
    try {
      const next = await this.#session.loadConfig(options, { asOf: options.asOf })
      const { checkReload } = await import('../daemon/check-reload.ts')
      if (this.#leader) checkReload(next, { present, mirrors: this.#leader.state.mirrors })
      return next
    } catch (error) {
      await this.#refuse(error)
      return null
    } finally {
      // Until it is drained, what is logged has the secrets of the configuration before.
      this.#session.redact = present.redact
    }
  }

  async #refuse(error: unknown): Promise<void> {
    const { errorText } = await import('./error-text.ts')
    const { redact, surroundings } = this.#session
    const { log } = this.#surroundings
    log.error(errorText(error, { terminal: true, debug: false, redact, now: surroundings.now() }))
    log.error('the configuration was not taken over: the one before goes on')
  }

  #tell(state: DaemonState): void {
    // Another one may change the mirrors while it leads.
    if (state.kind === 'standby') this.#leader = null
    this.#manager.tell(state)
    if (this.#session.terminal) this.#session.statusLine.show(stateLine(state))
  }
}

function refuseSnapshotOptions({ output, keep }: RunOptions): void {
  if (output !== undefined) throw usageError('--output is for --snapshot', 'add --snapshot, or leave it out')
  if (keep) throw usageError('--keep is for --snapshot', 'add --snapshot, or leave it out')
}
