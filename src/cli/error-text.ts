import { ConfigurationError } from '../config/problem.ts'
import { BugError, SynclineError } from '../runtime/errors.ts'

export interface ErrorTextOptions {
  /** Whether people read it, and not a log collector. */
  readonly terminal: boolean
  /** Whether stacks are wanted, of errors that nobody expected. */
  readonly debug: boolean
  readonly redact: (text: string) => string
  /** Milliseconds since the epoch, for the JSON line. */
  readonly now: number
}

interface Described {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly causes: readonly string[]
  readonly stack: string | undefined
}

/** What stderr says of an error that ends the program: lines for people, else one JSON line as the log has them. */
export function errorText(error: unknown, { terminal, debug, redact, now }: ErrorTextOptions): string {
  const described = describe(error, debug)
  if (terminal) return redact(lines(described))
  const { message, ...rest } = described
  const problems = error instanceof ConfigurationError ? { problems: error.problems } : {}
  const line = {
    level: 'error',
    time: new Date(now).toISOString(),
    ...redactAll({ ...rest, ...problems }, redact),
  }
  return `${JSON.stringify({ ...line, msg: redact(message) })}\n`
}

function lines({ message, hint, causes, stack }: Described): string {
  const text = [
    labelled('error', message),
    ...causes.map((cause) => labelled('cause', cause)),
    ...(hint === undefined ? [] : [labelled('hint', hint)]),
    ...(stack === undefined ? [] : [stack]),
  ]
  return `${text.join('\n')}\n`
}

function labelled(label: string, text: string): string {
  return text.includes('\n') ? `${label}:\n  ${text.replaceAll('\n', '\n  ')}` : `${label}: ${text}`
}

function describe(error: unknown, debug: boolean): Described {
  const expected = error instanceof SynclineError && !(error instanceof BugError)
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return {
    code: error instanceof SynclineError ? error.code : 'unexpected',
    message: message === '' ? 'an error without a message' : message,
    hint:
      (error instanceof SynclineError ? error.hint : undefined) ?? (expected ? undefined : unexpectedHint),
    causes: [...causesOf(error)],
    stack: expected || !debug ? undefined : stack,
  }
}

const unexpectedHint =
  'this should not happen: run again with --log-level debug and report what it prints; nothing half-done was committed'

const mostCauses = 10

/** One line each, the nearest first; what only repeats the message above it is left out. */
function* causesOf(error: unknown, seen = new Set<unknown>()): Generator<string> {
  if (!(error instanceof Error) || seen.has(error)) return
  seen.add(error)
  const inner: unknown[] = error instanceof AggregateError ? error.errors : []
  for (const cause of [error.cause, ...inner]) {
    if (cause === undefined || cause === null || seen.size > mostCauses) continue
    const text = causeText(cause)
    if (text !== '' && !error.message.includes(text)) yield text
    yield* causesOf(cause, seen)
  }
}

function causeText(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : ''
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  const first = message.split('\n').find((line) => line.trim() !== '') ?? ''
  return code !== '' && !first.includes(code) ? `${first} (${code})`.trimStart() : first
}

function redactAll(value: unknown, redact: (text: string) => string): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value), (_key, item: unknown) =>
    typeof item === 'string' ? redact(item) : item,
  ) as Record<string, unknown>
}
