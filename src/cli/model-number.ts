import { usageError } from './session.ts'

/** The number of a model version as it was given on the command line. */
export function modelNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw usageError(`a model is a number from 1, not ${text}`, '`syncline status` lists them')
}
