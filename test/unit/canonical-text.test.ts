import { describe, expect, test } from 'vitest'
import { canonicalText, Invalid } from '../../src/changes/canonical-text.ts'
import { numberText, parseExact, printJson } from '../../src/changes/canonical-text-json.ts'

// What Postgres itself says about thousands of values is asked in test/db/canonical-text.db.test.ts.
const golden: [type: string, value: string, text: string][] = [
  ['bigint', '007', '7'],
  ['bigint', '1e3', '1000'],
  ['integer', '-0', '0'],
  ['numeric(10,2)', '1.005', '1.01'],
  ['numeric', '1e5', '100000'],
  ['double precision', '1e23', '9.999999999999999e+22'],
  ['real', '-335989.125', '-335989.12'],
  ['boolean', 'T', 'true'],
  ['char(5)', 'ab   ', 'ab'],
  ['varchar(2)', '😀😀', '😀😀'],
  ['date', '2017-02-28T00:00:00.000', '2017-02-28'],
  ['timestamp', '2017-02-28T00:00:00.000', '2017-02-28 00:00:00'],
  ['timestamp(3)', '2017-02-28T23:59:59.9999Z', '2017-03-01 00:00:00'],
  ['timestamp with time zone', '2017-02-28T00:30:00+05:30', '2017-02-27 19:00:00+00'],
  ['time', '7:05', '07:05:00'],
  ['uuid', '{A0EEBC999C0B4EF8BB6D6BB9BD380A11}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['jsonb', '{"b":1,"aa":1.50,"a":1e2}', '{"a": 100, "b": 1, "aa": 1.50}'],
  ['bytea', '\\xDEAD', '\\xdead'],
]

const refused: [type: string, value: string, reason: string][] = [
  ['smallint', '32768', 'is out of the range of smallint'],
  ['integer', '5.5', 'is not a whole number'],
  ['integer', '', 'is not a whole number'],
  ['numeric(3,1)', '100', 'has more digits before the point than numeric(3,1) holds'],
  ['text', 'a\u0000b', 'contains U+0000, which Postgres cannot store'],
  ['text', '\ud800', 'contains half of a surrogate pair, which is not a character'],
  ['varchar(2)', 'abc', 'has 3 characters, more than varchar(2) holds'],
  ['date', '2017-13-01', 'is not a day of the calendar'],
  ['date', '0000-00-00', 'has the year 0, which does not exist'],
  ['timestamp', '20229999-02-06T00:00:00', 'is out of the range of timestamp'],
  ['timestamp', '2017-01-01 00:00:00+05', 'has an offset from UTC, which timestamp would drop'],
]

describe('the canonical text of a value', () => {
  test.each(golden)('of type %s is the one text of %s', (type, value, text) => {
    expect(canonicalText(type)(value)).toBe(text)
    expect(canonicalText(type)(text)).toBe(text)
  })

  test.each(refused)('of type %s is refused for %s with a reason', (type, value, reason) => {
    const result = canonicalText(type)(value)
    expect(result instanceof Invalid ? result.reason : result).toContain(reason)
  })

  test('a type nobody knows is an error that lists the known ones', () => {
    expect(() => canonicalText('hstore')).toThrow(
      expect.objectContaining({
        code: 'type-unsupported',
        hint: expect.stringContaining('numeric(p,s)') as string,
      }),
    )
  })
})

describe('parseExact', () => {
  test('keeps the text of numbers that a double would change', () => {
    const text = '{"id":12345678901234567890,"score":1.50,"n":5,"s":"1.50","__proto__":{"x":-0}}'
    const parsed = parseExact(text) as Record<string, unknown>
    expect(['id', 'score', 'n', 's'].map((name) => numberText(parsed[name]))).toEqual([
      '12345678901234567890',
      '1.50',
      '5',
      undefined,
    ])
    expect(printJson(parsed)).toBe(text)
  })

  test.each(['{"a":1.5', '[01.5]', '[1.]', '[+1.5]', '["\n1.5"]', '<html>1.5</html>', ''])(
    'refuses %j',
    (text) => {
      expect(() => parseExact(text)).toThrow(SyntaxError)
    },
  )
})
