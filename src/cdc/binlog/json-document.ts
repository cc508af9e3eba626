import { ByteReader } from './byte-reader.ts'
import { readDecimal } from './decimal.ts'

/**
 * MySQL's binary JSON as the text that the server itself prints: members in their stored order, numbers exact. Never
 * through JavaScript objects: they lose `__proto__`, the order of numeric names, and tell 1.0 not from 1.
 *
 * Format: the header of `sql-common/json_binary.h` in the MySQL source.
 */
export function printJsonDocument(bytes: Buffer): string {
  // An empty value stands for the literal null: the server writes it for an update that ignored an error.
  if (bytes.length === 0) return 'null'
  return printValue(bytes, bytes[0] ?? 0, 1)
}

const smallObject = 0
const largeObject = 1
const smallArray = 2
const largeArray = 3
const literal = 4
const int16 = 5
const uint16 = 6
const int32 = 7
const uint32 = 8
const int64 = 9
const uint64 = 10
const double = 11
const string = 12
const opaque = 15

/** `at` is where the value itself begins, behind its type. */
function printValue(bytes: Buffer, type: number, at: number): string {
  switch (type) {
    case smallObject:
    case largeObject:
    case smallArray:
    case largeArray:
      return printContainer(bytes, type, at)
    case literal:
      return printLiteral(bytes[at])
    case int16:
      return String(bytes.readInt16LE(at))
    case uint16:
      return String(bytes.readUInt16LE(at))
    case int32:
      return String(bytes.readInt32LE(at))
    case uint32:
      return String(bytes.readUInt32LE(at))
    case int64:
      return String(bytes.readBigInt64LE(at))
    case uint64:
      return String(bytes.readBigUInt64LE(at))
    case double:
      return printJsonDouble(bytes.readDoubleLE(at))
    case string: {
      const { length, next } = variableLength(bytes, at)
      return JSON.stringify(bytes.toString('utf8', next, next + length))
    }
    case opaque:
      return printOpaque(bytes, at)
    default:
      throw new RangeError(`there is no JSON type ${type}`)
  }
}

function printLiteral(value: number | undefined): string {
  return value === 0 ? 'null' : value === 1 ? 'true' : 'false'
}

function printContainer(bytes: Buffer, type: number, start: number): string {
  const large = type === largeObject || type === largeArray
  const isObject = type === smallObject || type === largeObject
  const width = large ? 4 : 2
  const offsetAt = (at: number): number => (large ? bytes.readUInt32LE(at) : bytes.readUInt16LE(at))
  const count = offsetAt(start)
  const keysAt = start + width * 2
  const valuesAt = keysAt + (isObject ? count * (width + 2) : 0)
  const members: string[] = []
  for (let index = 0; index < count; index++) {
    const entry = valuesAt + index * (1 + width)
    const memberType = bytes[entry] ?? 0
    const inline = isInlined(memberType, large)
    const text = printValue(bytes, memberType, inline ? entry + 1 : start + offsetAt(entry + 1))
    members.push(isObject ? `${printName(index)}: ${text}` : text)
  }
  return isObject ? `{${members.join(', ')}}` : `[${members.join(', ')}]`

  function printName(index: number): string {
    const entry = keysAt + index * (width + 2)
    const from = start + offsetAt(entry)
    return JSON.stringify(bytes.toString('utf8', from, from + bytes.readUInt16LE(entry + width)))
  }
}

function isInlined(type: number, large: boolean): boolean {
  return (
    type === literal || type === int16 || type === uint16 || (large && (type === int32 || type === uint32))
  )
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function variableLength(bytes: Buffer, at: number): { length: number; next: number } {
  let length = 0
  for (let index = 0; index < 5; index++) {
    const byte = bytes[at + index] ?? 0
    length += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { length, next: at + index + 1 }
  }
  throw new RangeError('a length of more than 35 bits')
}

/**
 * As `my_gcvt` prints: the shortest digits that read back, plain where the point is at most 15 places away, and with a
 * fraction always, so that 1.0 stays apart from 1.
 */
export function printJsonDouble(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e')
  const digits = mantissa.replace('.', '')
  const exponent = Number(exponentText)
  const point = exponent + 1
  const sign = value < 0 ? '-' : ''
  if (value !== 0 && (point < -14 || point > 15)) {
    return `${sign}${mantissa}e${exponent}`
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}.0`
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

const fieldTypes = { timestamp: 7, date: 10, time: 11, datetime: 12, newDecimal: 246 }

/** A value of a type that JSON itself does not have. */
function printOpaque(bytes: Buffer, at: number): string {
  const type = bytes[at] ?? 0
  const { length, next } = variableLength(bytes, at + 1)
  const data = bytes.subarray(next, next + length)
  switch (type) {
    case fieldTypes.newDecimal:
      return readDecimal(new ByteReader(data, 2), data[0] ?? 0, data[1] ?? 0)
    case fieldTypes.date:
      return `"${printDate(data.readBigInt64LE(0))}"`
    case fieldTypes.time:
      return `"${printTime(data.readBigInt64LE(0))}"`
    case fieldTypes.timestamp:
    case fieldTypes.datetime: {
      const packed = data.readBigInt64LE(0)
      return `"${printDate(packed)} ${printClock(Number((packed >> 24n) & 0x1ffffn))}.${printMicroseconds(packed)}"`
    }
    default:
      return JSON.stringify(`base64:type${type}:${printBase64(data)}`)
  }
}

const pad2 = (number: number): string => String(number).padStart(2, '0')

/** Packed: 17 bits of year · 13 + month, 5 of day, 5, 6 and 6 of the time, 24 of microseconds. */
function printDate(packed: bigint): string {
  const yearMonth = Number((packed >> 46n) & 0x1ffffn)
  const day = Number((packed >> 41n) & 31n)
  return `${String(Math.floor(yearMonth / 13)).padStart(4, '0')}-${pad2(yearMonth % 13)}-${pad2(day)}`
}

function printClock(seconds: number): string {
  return `${pad2((seconds >> 12) & 31)}:${pad2((seconds >> 6) & 63)}:${pad2(seconds & 63)}`
}

function printTime(packed: bigint): string {
  const magnitude = packed < 0n ? -packed : packed
  const whole = Number(magnitude >> 24n)
  const clock = `${pad2((whole >> 12) & 0x3ff)}:${pad2((whole >> 6) & 63)}:${pad2(whole & 63)}`
  return `${packed < 0n ? '-' : ''}${clock}.${printMicroseconds(magnitude)}`
}

function printMicroseconds(packed: bigint): string {
  return String(packed & 0xffffffn).padStart(6, '0')
}

/** The server breaks lines after 76 characters. */
function printBase64(data: Buffer): string {
  return (data.toString('base64').match(/.{1,76}/g) ?? []).join('\n')
}
