import { describe, expect, test } from 'vitest'
import { classifyServerError } from '../../../src/cdc/server-errors.ts'
import { parseServer } from '../../../src/cdc/server.ts'
import { bind, bytesLiteral, identifier, numberLiteral, textLiteral } from '../../../src/cdc/sql.ts'
import { exitCodeOf } from '../../../src/runtime/exit-codes.ts'

describe('literals', () => {
  test('of text cannot end early', () => {
    expect(textLiteral("a'b\\c\0d\x1a")).toBe("'a\\'b\\\\c\\0d\\Z'")
    expect(identifier('a`b')).toBe('`a``b`')
    expect(bind('select ?, ?', ['?', ["x'", 'y']])).toBe("select '?', 'x\\'', 'y'")
  })

  test('of numbers and bytes are nothing else', () => {
    expect(numberLiteral('-18446744073709551615.5e-3')).toBe('-18446744073709551615.5e-3')
    for (const text of ['', '1 or 1', '0x10', '1;', 'NaN', '--1'])
      expect(() => numberLiteral(text)).toThrow(SyntaxError)
    expect(bytesLiteral('00fF')).toBe("x'00fF'")
    for (const hex of ['0', 'zz', "00'"]) expect(() => bytesLiteral(hex)).toThrow(SyntaxError)
  })
})

describe('errors of the server', () => {
  const error = (code: string): Error => Object.assign(new Error(`says ${code}`), { code })
  test.each([
    ['ECONNREFUSED', 'TransientError', 75],
    ['PROTOCOL_CONNECTION_LOST', 'TransientError', 75],
    ['ER_LOCK_DEADLOCK', 'TransientError', 75],
    ['ENOTFOUND', 'OperatorError', 69],
    ['ER_ACCESS_DENIED_ERROR', 'OperatorError', 77],
    ['ER_TABLEACCESS_DENIED_ERROR', 'OperatorError', 77],
    ['ER_BAD_DB_ERROR', 'OperatorError', 78],
    ['ER_NO_SUCH_TABLE', 'OperatorError', 78],
    ['ER_SOMETHING_NEW', 'OperatorError', 69],
  ])('are classed by what to do about them: %s', (code, name, exitCode) => {
    const classified = classifyServerError(error(code), 'db:3306')
    expect(classified.name).toBe(name)
    expect(classified.message).toContain('db:3306')
    expect(exitCodeOf(classified)).toBe(exitCode)
  })

  test('without a code are ours and stay as they are', () => {
    const bug = new TypeError('oops')
    expect(classifyServerError(bug, 'db:3306')).toBe(bug)
  })
})

test('a server’s flavour and version are known by what it says', () => {
  const server = (version: string): string => {
    const { flavour, version: parts } = parseServer([{ Variable_name: 'version', Value: version }])
    return `${flavour} ${parts.join('.')}`
  }
  expect(server('5.5.5-10.11.6-MariaDB-log')).toBe('mariadb 10.11.6')
  expect(server('11.8.2-MariaDB')).toBe('mariadb 11.8.2')
  expect(server('8.4.0')).toBe('mysql 8.4.0')
  expect(server('9.7.4-2')).toBe('mysql 9.7.4')
})
