import { pino, destination, stdTimeFunctions, type Logger as PinoLogger } from 'pino'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What every layer logs to; passed in, never global. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'child'>

/** Takes one JSON line at a time, its newline included. */
export interface LogSink {
  write(line: string): void
}

/** JSON lines on stderr, or wherever the sink puts them: stdout belongs to data. */
export function createLogger(level: LogLevel, sink?: LogSink): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['url', 'password', 'token', 'authorization', '*.url', '*.password', '*.token'] },
    },
    sink ?? destination({ fd: 2, sync: true }),
  )
}

export const silentLogger: Logger = pino({ level: 'silent' })
