import { describe, expect, it } from 'vitest'
import { errorText } from '../../../src/cli/error-text.ts'
import { ConfigurationError } from '../../../src/config/problem.ts'
import { BugError, OperatorError } from '../../../src/runtime/errors.ts'

const options = {
  terminal: true,
  debug: false,
  redact: (text: string) => text.replaceAll('hunter22', '***'),
  now: 0,
}

const refused = new OperatorError({
  area: 'server',
  code: 'mysql-unreachable',
  message: 'cannot reach mysql://u:hunter22@db',
  hint: 'start it',
  cause: new Error('connect failed\nat line two', {
    cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  }),
})

describe('an error that ends the program', () => {
  it('has message, causes and hint, a line each, without secrets', () => {
    expect(errorText(refused, options)).toBe(
      'error: cannot reach mysql://u:***@db\ncause: connect failed\ncause: connect (ECONNREFUSED)\nhint: start it\n',
    )
  })

  it('is one JSON line when no terminal reads it', () => {
    const text = errorText(refused, { ...options, terminal: false })
    expect(text.match(/\n/g)).toHaveLength(1)
    expect(JSON.parse(text)).toEqual({
      level: 'error',
      time: '1970-01-01T00:00:00.000Z',
      code: 'mysql-unreachable',
      hint: 'start it',
      causes: ['connect failed', 'connect (ECONNREFUSED)'],
      msg: 'cannot reach mysql://u:***@db',
    })
  })

  it('shows several problems beneath one another, and each by itself as JSON', () => {
    const at = { file: 'syncline.yaml', line: 1, column: 2, path: 'a', message: 'x' }
    const error = new ConfigurationError([{ ...at, line: 3 }, at])
    expect(errorText(error, options)).toBe(
      'error:\n  syncline.yaml:1:2 a: x\n  syncline.yaml:3:2 a: x\nhint: correct the file; `syncline config check` tells when it is right\n',
    )
    expect(JSON.parse(errorText(error, { ...options, terminal: false }))).toMatchObject({
      problems: [at, { ...at, line: 3 }],
    })
  })

  it('has its stack only when nobody expected it and --log-level is debug', () => {
    const bug = new BugError({ code: 'broken', message: 'this cannot be' })
    for (const unexpected of [bug, new TypeError('x is not a function')]) {
      expect(errorText(unexpected, options)).not.toContain('    at ')
      expect(errorText(unexpected, { ...options, debug: true })).toContain('    at ')
    }
    expect(errorText(refused, { ...options, debug: true })).not.toContain('    at ')
  })

  it('names every part of several errors, and ends with those that hold themselves', () => {
    const all = new AggregateError([new Error('one'), new Error('two')], 'both failed')
    expect(errorText(all, options)).toMatch(/^error: both failed\ncause: one\ncause: two\nhint: /)
    const loop = new Error('loop')
    loop.cause = loop
    expect(errorText(loop, options)).toMatch(/^error: loop\nhint: /)
    expect(errorText('only text', options)).toMatch(/^error: only text\n/)
  })
})
