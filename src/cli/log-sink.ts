import type { LogSink } from '../runtime/logger.ts'

export interface LogSinkOptions {
  readonly write: (text: string) => void
  /** Whether people read it: then lines are laid out for them. */
  readonly terminal: boolean
  readonly redact: (text: string) => string
}

/** Where log lines go: secrets taken out, readable on a terminal, JSON elsewhere. */
export function createLogSink({ write, terminal, redact }: LogSinkOptions): LogSink {
  return {
    write: (line) => {
      const safe = redact(line)
      write(terminal ? readable(safe) : safe)
    },
  }
}

function readable(line: string): string {
  const record = parse(line)
  if (!record) return line
  const { level, time, msg, ...rest } = record
  const clock = typeof time === 'string' ? `${time.slice(11, 19)} ` : ''
  const details = Object.entries(rest).map(([key, value]) => ` ${key}=${detail(value)}`)
  return `${clock}${String(level).padEnd(5)} ${typeof msg === 'string' ? msg : ''}${details.join('')}\n`
}

function detail(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)
}

function parse(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return null
  }
}
