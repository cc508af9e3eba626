import { OperatorError } from '../runtime/errors.ts'
import type { MatchConfig } from './match.ts'
import { nearest } from './nearest.ts'

/** The match of this name, or the only one when none is named. Throws an `OperatorError` that names the others. */
export function chooseMatch(matches: readonly MatchConfig[], name: string | undefined): MatchConfig {
  const [only] = matches
  const found = name === undefined && matches.length === 1 ? only : matches.find((one) => one.name === name)
  if (found) return found
  const names = matches.map((one) => one.name)
  const near = name === undefined ? null : nearest(name, names)
  throw new OperatorError({
    area: 'usage',
    code: 'no-such-match',
    message: name === undefined ? 'which match is meant?' : `there is no match ${name}`,
    hint:
      names.length === 0
        ? 'the configuration has no matches'
        : near === null
          ? `name one with --match: ${names.join(', ')}`
          : `did you mean ${near}?`,
  })
}
