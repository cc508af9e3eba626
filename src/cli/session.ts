import type { Config } from '../config/config.ts'
import type { Environment } from '../config/interpolate.ts'
import type { Overrides } from '../config/load.ts'
import { OperatorError } from '../runtime/errors.ts'
import { exitCodes, type ExitCode } from '../runtime/exit-codes.ts'
import type { Logger, LogLevel } from '../runtime/logger.ts'
import { listenForStop, type SignalEmitter } from '../runtime/signals.ts'
import { maskUserInfo } from '../config/redactor.ts'
import { Progress } from './progress.ts'
import { StatusLine, type TextStream } from './status-line.ts'

/** What the process gives a command line; `main.ts` passes the real ones. */
export interface Surroundings {
  readonly arguments: readonly string[]
  readonly environment: Environment
  readonly stdout: TextStream
  readonly stderr: TextStream
  readonly signals: SignalEmitter
  /** Ends the process at once. */
  readonly abort: (exitCode: ExitCode) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config: string
  readonly logLevel: LogLevel
  readonly json?: boolean
}

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[]

/**
 * One run of one command: what it prints to, what it must not print, and what it leaves as exit code. Heavy modules
 * are loaded by the commands that need them.
 */
export class CliSession {
  readonly surroundings: Surroundings
  readonly statusLine: StatusLine
  exitCode: ExitCode = exitCodes.ok
  logLevel: LogLevel = 'info'
  /** Knows the secrets once the configuration is loaded. */
  redact: (text: string) => string = maskUserInfo

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings
    this.statusLine = new StatusLine(surroundings.stderr)
  }

  /** Data, to stdout. */
  print(text: string): void {
    this.statusLine.clear()
    this.surroundings.stdout.write(text)
  }

  /** Anything else, to stderr. */
  note(text: string): void {
    this.statusLine.write(text)
  }

  get terminal(): boolean {
    return this.surroundings.stderr.isTTY === true
  }

  async loadConfig(options: GlobalOptions, overrides: Overrides = {}): Promise<Config> {
    const { loadConfig } = await import('../config/load.ts')
    const config = loadConfig(options.config, this.surroundings.environment, overrides)
    this.redact = config.redact
    return config
  }

  async createLogger(): Promise<Logger> {
    const [{ createLogger }, { createLogSink }] = await Promise.all([
      import('../runtime/logger.ts'),
      import('./log-sink.ts'),
    ])
    return createLogger(
      this.logLevel,
      createLogSink({
        terminal: this.terminal,
        write: (text) => {
          this.note(text)
        },
        redact: (text) => this.redact(text),
      }),
    )
  }

  createProgress(log: Logger): Progress {
    return new Progress({
      statusLine: this.terminal ? this.statusLine : null,
      log,
      now: this.surroundings.now,
    })
  }

  /** Runs work that the first signal drains and the second aborts. */
  async untilStopped<T>(
    log: Logger,
    work: (signal: AbortSignal) => Promise<T>,
    onReload?: () => void,
  ): Promise<T> {
    const { signals, abort, now } = this.surroundings
    const stop = listenForStop({
      emitter: signals,
      now,
      ...(onReload === undefined ? {} : { onReload }),
      abort: (exitCode) => {
        this.statusLine.clear()
        abort(exitCode)
      },
      onStopping: (signal) => {
        log.warn({ signal }, 'stopping; the same signal again ends at once')
      },
    })
    try {
      return await work(stop.signal)
    } finally {
      stop.stopListening()
    }
  }
}

export function usageError(message: string, hint: string): OperatorError {
  return new OperatorError({ area: 'usage', code: 'usage', message, hint })
}
