import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inetCodec, uuidCodec } from '../../../src/cdc/rows/binary.ts'
import { printDouble, printReal } from '../../../src/cdc/rows/floats.ts'
import { RowDecoder, UndecidedText, type DecodedColumn } from '../../../src/cdc/rows/row-decoder.ts'
import { sharedCodec } from '../../../src/cdc/rows/shared-types.ts'
import { labelsOf, type SourceColumn } from '../../../src/cdc/rows/source-column.ts'
import { ValueRejection, type ValueCodec } from '../../../src/cdc/rows/value-codec.ts'

function column(columnType: string, more: Partial<SourceColumn> = {}): SourceColumn {
  const dataType = /^\w+/.exec(columnType)?.[0] ?? ''
  const rest = { length: null, precision: null, scale: null, fraction: 0, nullable: true, comment: null }
  return { name: 'v', dataType, columnType, checkedJson: false, ...rest, ...more }
}

function codec(columnType: string, more: Partial<SourceColumn> = {}): ValueCodec {
  const found = sharedCodec(column(columnType, more), { zeroDates: 'reject' })
  if (found === null) throw new Error(`${columnType} is not known`)
  return found
}

describe('floats', () => {
  test('print digits that read back to the same value', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) =>
        Object.is(Number(printDouble(x)), x),
      ),
    )
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (x) =>
        Object.is(Math.fround(Number(printReal(x))), x),
      ),
    )
  })

  test('print what Postgres prints where JavaScript prints something else', () => {
    // Ties go to the even digit, and the midpoint between two floats is not close enough.
    expect(printReal(250618.125)).toBe('250618.12')
    expect(printReal(187917408)).toBe('1.8791741e+08')
    expect(printDouble(140737488355328.125)).toBe('140737488355328.12')
    expect(printReal(0)).toBe('0')
    expect(printDouble(-0)).toBe('-0')
  })
})

describe('values of the log', () => {
  test('become the same text as those of a select', () => {
    const pairs: [ValueCodec, unknown, unknown][] = [
      [codec('int(11)'), '-5', -5],
      [codec('bigint(20) unsigned'), '18446744073709551615', 18446744073709551615n],
      [codec('float'), '3.140000104904175', 3.140000104904175],
      [codec('double'), '1e300', 1e300],
      [codec('year'), '2017', 2017],
      [codec('binary(4)', { length: 4 }), Buffer.from('00ff0000', 'hex'), Buffer.from('00ff', 'hex')],
      [codec('bit(3)', { precision: 3 }), Buffer.from([5]), 5],
      [codec('varchar(9)', { length: 9 }), 'é', Buffer.from('é')],
      [
        uuidCodec,
        'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
        Buffer.from('a0eebc999c0b4ef8bb6d6bb9bd380a11', 'hex'),
      ],
      [inetCodec, '::ffff:1.2.3.4', Buffer.from('00000000000000000000ffff01020304', 'hex')],
    ]
    for (const [{ type, decode }, selected, logged] of pairs) {
      expect(decode(logged as never), type).toBe(decode(selected as never))
    }
  })
})

describe('dates', () => {
  test('are taken exactly when the calendar has them', () => {
    const { decode } = codec('date')
    const part = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max })
    fc.assert(
      fc.property(part(9999), part(13), part(32), (year, month, day) => {
        const text = [
          String(year).padStart(4, '0'),
          String(month).padStart(2, '0'),
          String(day).padStart(2, '0'),
        ].join('-')
        const date = new Date(`${text}T00:00:00Z`)
        const valid = year > 0 && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
        expect(decode(text) instanceof ValueRejection).toBe(!valid)
      }),
      { numRuns: 2000 },
    )
  })
})

test('labels of ENUM and SET keep commas, quotes and backslashes', () => {
  expect(labelsOf(column("enum('a','b,c','it''s','x\\\\y','')"))).toEqual(['a', 'b,c', "it's", 'x\\y', ''])
})

describe('a row', () => {
  const columns: DecodedColumn[] = [
    { name: 'b', codec: codec('varchar(9)', { length: 9 }), keyPosition: 2 },
    { name: 'd', codec: codec('date'), keyPosition: null },
    { name: 'a', codec: codec('int'), keyPosition: 1 },
  ]
  const decoder = new RowDecoder(columns)

  test('has its key in key order', () => {
    expect(decoder.decode(['x', null, '7'])).toEqual({ key: ['7', 'x'], row: { b: 'x', d: null, a: '7' } })
    expect(decoder.cursor(['x', null, '7'])).toEqual(['7', 'x'])
  })

  test('that cannot be taken in names every column at fault and keeps its key and raw form', () => {
    expect(decoder.decode(['x', '0000-00-00', '7'])).toEqual({
      key: ['7', 'x'],
      code: 'impossible-date',
      reason: 'column d: no calendar has the date 0000-00-00',
      raw: '{"b":"x","d":"0000-00-00","a":"7"}',
    })
    expect(decoder.decode([Buffer.from([0xff]), '2017-01-01', '7'])).toMatchObject({
      key: null,
      code: 'invalid-utf8',
    })
  })

  test('with invalid UTF-8 in its key still has a place to go on from', () => {
    expect(decoder.cursor([Buffer.from([0xff]), null, '7'])).toEqual(['7', { hex: 'ff' }])
    const literal = columns[0]?.codec.paging?.literal({ hex: 'ff' })
    expect(literal).toBe("_utf8mb4 x'ff'")
  })

  test('with a replacement character has to be read again as bytes', () => {
    expect(() => decoder.decode(['\uFFFD', null, '7'])).toThrow(UndecidedText)
    expect(decoder.decode([Buffer.from('\uFFFD'), null, '7'])).toMatchObject({ key: ['7', '\uFFFD'] })
  })
})
