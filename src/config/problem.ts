import { OperatorError } from '../runtime/errors.ts'

/** One thing that is wrong with a configuration. Never holds the value of a setting that may be secret. */
export interface Problem {
  readonly file: string
  /** Both from 1. */
  readonly line: number
  readonly column: number
  /** Empty when it concerns the file as a whole. */
  readonly path: string
  readonly message: string
  /** The environment variable that holds what is wrong, if the file does not. */
  readonly from?: string
}

export function problemText({ file, line, column, path, message, from }: Problem): string {
  if (from !== undefined) return `the environment variable ${from} (${path}): ${message}`
  return `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`
}

/** All problems of a configuration at once, in the order of the file. */
export class ConfigurationError extends OperatorError {
  readonly problems: readonly Problem[]

  constructor(
    problems: readonly Problem[],
    details: { readonly code?: string; readonly hint?: string } = {},
  ) {
    const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
    super({
      area: 'configuration',
      code: details.code ?? 'configuration-invalid',
      message: sorted.map(problemText).join('\n'),
      hint: details.hint ?? 'correct the file; `syncline config check` tells when it is right',
    })
    this.problems = sorted
  }
}
