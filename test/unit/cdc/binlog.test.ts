import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src/cdc/binlog/byte-reader.ts'
import { Checksums } from '../../../src/cdc/binlog/checksum.ts'
import { readEvent, UnknownEvent } from '../../../src/cdc/binlog/event.ts'
import { printJsonDouble } from '../../../src/cdc/binlog/json-document.ts'
import { LogPurged, logError } from '../../../src/cdc/binlog/log-error.ts'
import { PacketSplitter } from '../../../src/cdc/binlog/packets.ts'
import { readTimestamp } from '../../../src/cdc/binlog/temporal.ts'
import { GtidSet } from '../../../src/cdc/gtid-set.ts'
import { retentionMs } from '../../../src/cdc/tail/retention.ts'
import { transactionControl } from '../../../src/cdc/tail/transaction-control.ts'

function packet(payload: Buffer): Buffer {
  const header = Buffer.alloc(4)
  header.writeUIntLE(payload.length, 0, 3)
  return Buffer.concat([header, payload])
}

describe('messages of the server', () => {
  test('are the same however the bytes arrive', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
    fc.assert(
      fc.property(payloads, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (wanted, sizes) => {
        const bytes = Buffer.concat(wanted.map((payload) => packet(Buffer.from(payload))))
        const found: string[] = []
        const splitter = new PacketSplitter((message) => found.push(message.toString('hex')))
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1
          splitter.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(found).toEqual(wanted.map((payload) => Buffer.from(payload).toString('hex')))
      }),
    )
  })

  test('that are longer than a packet are joined', () => {
    const first = Buffer.alloc(0xffffff, 1)
    const lengths: number[] = []
    const splitter = new PacketSplitter((message) => lengths.push(message.length))
    const bytes = Buffer.concat([
      packet(first),
      packet(Buffer.from('end')),
      packet(first),
      packet(Buffer.alloc(0)),
    ])
    for (let at = 0; at < bytes.length; at += 65_536) splitter.push(bytes.subarray(at, at + 65_536))
    expect(lengths).toEqual([0xffffff + 3, 0xffffff])
  })
})

function event(type: number, body: Buffer, flags = 0): Buffer {
  const header = Buffer.alloc(19)
  header.writeUInt8(type, 4)
  header.writeUInt16LE(flags, 17)
  return Buffer.concat([header, body])
}

describe('events', () => {
  test('lose their checksums where there are any', () => {
    const on = new Checksums('CRC32')
    const artificial = event(4, Buffer.from('12345678filecrc!'), 0x20)
    expect(on.strip(artificial).subarray(-4).toString()).toBe('file')
    const format = event(15, Buffer.from([0, 0, 1, 9, 9, 9, 9]))
    expect(on.strip(format)).toHaveLength(format.length - 4)
    expect(on.strip(event(16, Buffer.from('12345678crc!')))).toHaveLength(27)
    on.strip(event(15, Buffer.from([0, 0, 0, 9, 9, 9, 9])))
    expect(on.strip(event(16, Buffer.from('12345678')))).toHaveLength(27)
    expect(new Checksums('NONE').strip(artificial)).toHaveLength(artificial.length)
  })

  test('that are not known are passed over only if they say so', () => {
    expect(readEvent(event(99, Buffer.alloc(3), 0x80), 'mysql').kind).toBe('ignored')
    expect(() => readEvent(event(99, Buffer.alloc(3)), 'mysql')).toThrow(UnknownEvent)
  })

  test('of timestamps beyond 2038 are not of 1903', () => {
    const seconds = Buffer.alloc(4)
    seconds.writeUInt32BE(0xffffffff)
    expect(readTimestamp(new ByteReader(seconds), 0)).toBe('2106-02-07 06:28:15')
  })
})

describe('a refusal of the log', () => {
  const refusal = (errno: number, text: string): Buffer => {
    const head = Buffer.from([0xff, errno & 255, errno >> 8])
    return Buffer.concat([head, Buffer.from(`#HY000${text}`)])
  }

  test.each([
    [1236, 'Could not find first log file name in binary log index file', 'log-purged'],
    [1236, 'Cannot replicate because the source purged required binary logs.', 'log-purged'],
    [
      1236,
      'Error: connecting slave requested to start from GTID 0-1-9, which is not in the master’s binlog',
      'server-behind',
    ],
    [1227, 'Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s)', 'grant-missing'],
    [1158, 'Got an error reading communication packets', 'log-interrupted'],
  ])('%i %s', (errno, text, code) => {
    expect(logError(refusal(errno, text), 'db:3306')).toMatchObject({ code })
  })

  test('by a purge is told apart, since only a new snapshot helps', () => {
    expect(logError(refusal(1236, 'purged'), 'db:3306')).toBeInstanceOf(LogPurged)
  })
})

test.each([
  [0, '0.0'],
  [-0, '-0.0'],
  [1, '1.0'],
  [1e14, '100000000000000.0'],
  [1e15, '1e15'],
  [1.5e-16, '1.5e-16'],
  [0.001, '0.001'],
  [-123.456, '-123.456'],
])('the JSON number %d is printed %s', (value, text) => {
  expect(printJsonDouble(value)).toBe(text)
})

test.each([
  ['BEGIN', { kind: 'begin' }],
  ['commit', { kind: 'commit' }],
  ['ROLLBACK TO `A b`', { kind: 'rollback-to', name: 'A b' }],
  ['rollback', { kind: 'rollback' }],
  ['SAVEPOINT `x``y`', { kind: 'savepoint', name: 'x`y' }],
  ["XA COMMIT X'6162',X'',7", { kind: 'xa-commit', xid: '6162,,7' }],
  ["XA ROLLBACK X'61'", { kind: 'xa-rollback', xid: '61,,1' }],
  ["XA END X'61',X'',1", { kind: 'none' }],
  ['create table begin (id int)', null],
])('%s delimits a transaction as %o', (sql, expected) => {
  expect(transactionControl(sql)).toEqual(expected)
})

describe('a set of GTIDs', () => {
  const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562'
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }))
  const setOf = (wanted: readonly number[], tag = ''): GtidSet =>
    GtidSet.empty.with(wanted.map((number) => [`${uuid}${tag}`, BigInt(number), BigInt(number)] as const))

  test('without another holds just the rest', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const rest = a.filter((number) => !b.includes(number))
        expect(setOf(a).without(setOf(b)).toString()).toBe(setOf(rest).toString())
      }),
    )
  })

  test('is encoded as the server wants it, with tags in their own form', () => {
    expect(setOf([1, 2, 3, 7]).encode().toString('hex')).toBe(
      `0100000000000000${uuid.replaceAll('-', '')}0200000000000000` +
        '01000000000000000400000000000000' +
        '07000000000000000800000000000000',
    )
    const tagged = setOf([1], ':ab').encode()
    expect(tagged.subarray(0, 8).toString('hex')).toBe('0101000000000001')
    expect(tagged.subarray(24, 27).toString('hex')).toBe('046162')
  })
})

test.each([
  [{ binlog_expire_logs_seconds: '3600' }, 3_600_000],
  [{ binlog_expire_logs_seconds: '0', expire_logs_days: '2' }, 172_800_000],
  [{ binlog_expire_logs_seconds: '3600', binlog_expire_logs_auto_purge: 'OFF' }, null],
  [{ binlog_expire_logs_seconds: '0', expire_logs_days: '0' }, null],
])('%o keeps the log for %d ms', (variables, expected) => {
  const rows = Object.entries(variables).map(([Variable_name, Value]) => ({ Variable_name, Value }))
  expect(retentionMs(rows)).toBe(expected)
})
