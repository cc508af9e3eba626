import { describe, expect, it } from 'vitest'
import {
  BugError,
  FencedError,
  OperatorError,
  StoppingError,
  TransientError,
} from '../../../src/runtime/errors.ts'
import { exitCodeOf } from '../../../src/runtime/exit-codes.ts'

const details = { code: 'c', message: 'm', hint: 'h' }

describe('the exit code of an error', () => {
  it.each([
    ['a usage error', new OperatorError({ ...details, area: 'usage' }), 64],
    ['an unavailable server', new OperatorError({ ...details, area: 'server' }), 69],
    ['something transient', new TransientError(details), 75],
    ['another writer that has taken over', new FencedError(details), 75],
    ['a missing grant', new OperatorError({ ...details, area: 'permission' }), 77],
    ['a wrong configuration', new OperatorError({ ...details, area: 'configuration' }), 78],
    ['data that somebody must act on', new OperatorError({ ...details, area: 'data' }), 78],
    ['being asked to stop', new StoppingError(), 0],
    ['a bug', new BugError(details), 1],
    ['anything else', new Error('m'), 1],
  ])('of %s', (_, error, exitCode) => {
    expect(exitCodeOf(error)).toBe(exitCode)
  })
})
