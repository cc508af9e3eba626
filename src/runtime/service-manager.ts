import { spawn } from 'node:child_process'
import type { Logger } from './logger.ts'

/** What a service manager wants to know; the same shape as the daemon's states, of which it reads little. */
interface Telling {
  readonly kind: 'standby' | 'leading' | 'retrying'
}

/**
 * Tells systemd that the service is ready, alive and stopping. Node has no datagram sockets, hence the program
 * `systemd-notify`; the unit needs `NotifyAccess=all`. Source: sd_notify(3), sd_watchdog_enabled(3).
 */
export class ServiceManager {
  readonly #log: Logger
  readonly #watched: boolean
  readonly #aliveEveryMs: number
  #kind: Telling['kind'] | null = null
  #toldAtMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(environment: Readonly<Record<string, string | undefined>>, log: Logger) {
    this.#log = log
    this.#watched = environment['NOTIFY_SOCKET'] !== undefined
    // Half of the time after which we would be killed.
    this.#aliveEveryMs = Number(environment['WATCHDOG_USEC'] ?? 0) / 1000 / 2
  }

  /** To be told at every change, and every second or so while leading: a leader that falls silent hangs. */
  tell({ kind }: Telling, now = Date.now()): void {
    if (!this.#watched) return
    this.#toldAtMs = now
    if (kind === this.#kind) return
    this.#kind = kind
    this.#notify('--ready', `--status=${kind}`)
    if (this.#aliveEveryMs > 0) {
      this.#timer ??= setInterval(() => {
        this.#tellAlive(Date.now())
      }, this.#aliveEveryMs).unref()
    }
  }

  stopping(): void {
    clearInterval(this.#timer)
    if (this.#kind !== null) this.#notify('STOPPING=1')
  }

  #tellAlive(now: number): void {
    if (this.#kind !== 'leading' || now - this.#toldAtMs < this.#aliveEveryMs) this.#notify('WATCHDOG=1')
  }

  #notify(...words: string[]): void {
    const child = spawn('systemd-notify', ['--no-block', ...words], { stdio: 'ignore' })
    child.on('error', (error) => {
      this.#log.warn(
        { error: error.message },
        'systemd-notify could not be run: the service manager is not told',
      )
    })
    child.unref()
  }
}
