import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GtidList } from '../../../src/cdc/gtid-list.ts'
import { GtidSet } from '../../../src/cdc/gtid-set.ts'
import { parseOwned } from '../../../src/cdc/log.ts'
import type { LogPosition } from '../../../src/cdc/log-position.ts'
import { MysqlPosition, mysqlPositionFormat as format } from '../../../src/cdc/position.ts'

const a = '3e11fa47-71ca-11e1-9e33-c80aa9429562'
const b = 'ffffffff-0000-11e1-9e33-c80aa9429562'

function at(log: LogPosition, step = 0, run = 1): MysqlPosition {
  return new MysqlPosition({ run, step, log })
}
const gtid = (text: string): LogPosition => ({ kind: 'mysql-gtid', set: GtidSet.parse(text) })
const list = (text: string): LogPosition => ({ kind: 'mariadb-gtid', list: GtidList.parse(text) })
const file = (name: string, offset: number, server = 'x'): LogPosition => ({
  kind: 'file',
  server,
  file: name,
  offset,
})

describe('the stored format', () => {
  test.each([
    [at(gtid(`${a}:1-5:7`), 12), `{"run":1,"step":12,"log":{"kind":"mysql-gtid","set":"${a}:1-5:7"}}`],
    [at(list('0-1-100,7-2-5')), '{"run":1,"step":0,"log":{"kind":"mariadb-gtid","list":"0-1-100,7-2-5"}}'],
    [
      at(file('binlog.000003', 4), 1, 2),
      '{"run":2,"step":1,"log":{"kind":"file","server":"x","file":"binlog.000003","offset":4}}',
    ],
    [at({ kind: 'none' }, 3), '{"run":1,"step":3,"log":{"kind":"none"}}'],
  ])('is pinned: %#', (position, stored) => {
    expect(position.serialize()).toBe(stored)
    expect(format.parse(stored).serialize()).toBe(stored)
    expect(format.compare(format.parse(stored), position)).toBe('equal')
  })

  test.each([
    '',
    '{}',
    'null',
    '[]',
    '12',
    '{"run":1,"step":-1,"log":{"kind":"none"}}',
    '{"run":1,"step":1,"log":{}}',
  ])('of something else is refused: %s', (text) => {
    expect(() => format.parse(text)).toThrow(expect.objectContaining({ code: 'position-unreadable' }))
  })
})

describe('GTID sets', () => {
  test('are normalised: order, case, overlaps, line breaks', () => {
    const text = `${b.toUpperCase()}:9-9:3-4:1-2:4,\n${a}:5`
    expect(GtidSet.parse(text).toString()).toBe(`${a}:5,${b}:1-4:9`)
    expect(GtidSet.parse('').toString()).toBe('')
  })

  test('with tags keep them apart', () => {
    const set = GtidSet.parse(`${a}:1-3:backup:1-2:5,${a}:Night:7`)
    expect(set.toString()).toBe(`${a}:1-3:backup:1-2:5:night:7`)
    expect(set.contains(GtidSet.parse(`${a}:backup:2`))).toBe(true)
    expect(set.contains(GtidSet.parse(`${a}:backup:3`))).toBe(false)
    expect(GtidSet.parse(`${a}:backup:1`).toString()).toBe(`${a}:backup:1`)
  })

  test.each([
    ['', ''],
    [`${a}:7#42`, `${a}:7`],
    [`${a}:7#42:8#43#44`, `${a}:7-8`],
    [`${a}:7#421${b.slice(1)}:3#44`, `1${b.slice(1)}:3,${a}:7`],
    [`${a}:7#42${a}:night:1#43`, `${a}:7:night:1`],
    [`${a}:7#42,\n${b}:3#44`, `${a}:7,${b}:3`],
  ])('are read from what a server owns: %s', (owned, set) => {
    expect(parseOwned(owned).toString()).toBe(GtidSet.parse(set).toString())
  })

  test.each(['x', a, `${a}:0`, `${a}:5-4`, `${a}:1-`, '0-1-2'])('refuse %s', (text) => {
    expect(() => GtidSet.parse(text)).toThrow(SyntaxError)
  })

  const origins = [a, b, `${a}:tag`]
  const set = fc
    .array(
      fc.tuple(fc.constantFrom(...origins), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 5 })),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.map(([origin, first, length]) => `${origin}:${first}-${first + length}`).join(','))
  const members = (text: string): Set<string> => {
    const found = new Set<string>()
    for (const part of text.split(',').filter((one) => one !== '')) {
      const [, origin = '', first, last] = /^(.*):(\d+)-(\d+)$/.exec(part) ?? []
      for (let n = Number(first); n <= Number(last); n++) found.add(`${origin}:${n}`)
    }
    return found
  }

  test('contain, unite and intersect as sets of transactions do', () => {
    fc.assert(
      fc.property(set, set, (left, right) => {
        const [x, y] = [GtidSet.parse(left), GtidSet.parse(right)]
        const [mx, my] = [members(left), members(right)]
        expect(x.contains(y)).toBe([...my].every((one) => mx.has(one)))
        const union = x.union(y)
        expect(union.contains(x) && union.contains(y)).toBe(true)
        expect(union.toString()).toBe(GtidSet.parse([...mx, ...my].join(',')).toString())
        const common = [...mx].filter((one) => my.has(one))
        expect(x.intersection(y).toString()).toBe(GtidSet.parse(common.join(',')).toString())
        expect(GtidSet.parse(x.toString()).toString()).toBe(x.toString())
        expect(x.toString() === y.toString()).toBe(x.contains(y) && y.contains(x))
      }),
    )
  })

  test('are never compared as text', () => {
    expect(format.compare(at(gtid(`${a}:1-9`)), at(gtid(`${a}:1-10`)))).toBe('before')
    expect(format.compare(at(gtid(`${a}:1-10`)), at(gtid(`${a}:1-9`)))).toBe('after')
    expect(format.compare(at(gtid(`${a}:1-5:7`)), at(gtid(`${a}:1-6`)))).toBe('concurrent')
    expect(format.compare(at(gtid(`${a}:1-5`)), at(gtid(`${b}:1-5`)))).toBe('concurrent')
  })
})

describe('MariaDB GTID lists', () => {
  test('contain one another domain by domain', () => {
    expect(format.compare(at(list('0-1-9')), at(list('0-2-10')))).toBe('before')
    expect(format.compare(at(list('0-1-9,1-1-5')), at(list('0-2-10')))).toBe('concurrent')
    expect(format.compare(at(list('1-1-5,0-1-9')), at(list('0-1-9,1-1-5')))).toBe('equal')
    expect(format.compare(at(list('')), at(list('0-1-1')))).toBe('before')
  })

  test('of two servers that wrote the same number have diverged', () => {
    expect(format.compare(at(list('0-1-9')), at(list('0-2-9')))).toBe('concurrent')
  })

  test('unite to the later transaction of each domain', () => {
    const union = GtidList.parse('0-1-9,2-1-1').union(GtidList.parse('0-2-10,1-1-18446744073709551615'))
    expect(union.toString()).toBe('0-2-10,1-1-18446744073709551615,2-1-1')
  })

  test.each(['x', '0-1', '0-1-2,0-1-3'])('refuse %s', (text) => {
    expect(() => GtidList.parse(text)).toThrow(SyntaxError)
  })
})

describe('files', () => {
  test('are ordered by number, also beyond six digits, and only on one server', () => {
    expect(format.compare(at(file('binlog.999999', 900)), at(file('binlog.1000000', 4)))).toBe('before')
    expect(format.compare(at(file('binlog.000002', 5)), at(file('binlog.000002', 4)))).toBe('after')
    expect(format.compare(at(file('binlog.000002', 4)), at(file('binlog.000002', 4, 'y')))).toBe('concurrent')
    expect(format.compare(at(file('binlog.000002', 4)), at(file('other.000002', 4)))).toBe('concurrent')
  })
})

describe('a position', () => {
  test('advances with each step, and with a run whatever the logs say', () => {
    const start = at(gtid(`${a}:1-5`))
    expect(format.compare(start, start.nextStep())).toBe('before')
    expect(format.compare(start.nextStep(), at({ kind: 'none' }, 0, 2))).toBe('before')
    expect(format.compare(at(gtid(`${a}:1-6`), 1), at(gtid(`${a}:1-5`), 2))).toBe('concurrent')
    expect(format.compare(at(gtid(`${a}:1-6`), 2), at(gtid(`${a}:1-5`), 2))).toBe('after')
    expect(format.compare(at({ kind: 'none' }), start)).toBe('concurrent')
  })
})
