import { FencedError, OperatorError, StoppingError, TransientError, type OperatorArea } from './errors.ts'

/** The exit codes that README.md documents (sysexits where one fits). */
export const exitCodes = {
  ok: 0,
  unexpected: 1,
  deadLetters: 3,
  usage: 64,
  unavailable: 69,
  tryAgain: 75,
  permission: 77,
  configuration: 78,
  hungUp: 129,
  interrupted: 130,
  quit: 131,
  terminated: 143,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const byArea: Record<OperatorArea, ExitCode> = {
  usage: exitCodes.usage,
  configuration: exitCodes.configuration,
  permission: exitCodes.permission,
  server: exitCodes.unavailable,
  data: exitCodes.configuration,
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof OperatorError) return byArea[error.area]
  if (error instanceof TransientError || error instanceof FencedError) return exitCodes.tryAgain
  if (error instanceof StoppingError) return exitCodes.ok
  return exitCodes.unexpected
}
