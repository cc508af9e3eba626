import { bytesLiteral, textLiteral } from '../sql.ts'
import { asBytes, asText, ValueRejection, type Paging, type ValueCodec } from './value-codec.ts'

const bytesPaging: Paging = {
  cursor: (raw) => asBytes(raw).toString('hex'),
  literal: (part) => bytesLiteral(typeof part === 'string' ? part : part.hex),
}

/** Bytes of any length; geometries are their SRID (four bytes, little-endian) and WKB. */
export const bytesCodec: ValueCodec = {
  type: 'bytea',
  wire: 'bytes',
  decode: (raw) => `\\x${asBytes(raw).toString('hex')}`,
  paging: bytesPaging,
}

/** The log leaves the padding of BINARY(n) away. */
export function fixedBytesCodec(length: number): ValueCodec {
  return {
    ...bytesCodec,
    decode: (raw) =>
      `\\x${asBytes(raw)
        .toString('hex')
        .padEnd(length * 2, '0')}`,
  }
}

const plainTextPaging: Paging = {
  cursor: asText,
  literal: (part) => textLiteral(typeof part === 'string' ? part : part.hex),
}

/** A select gives the text, the log sixteen bytes. */
export const uuidCodec: ValueCodec = {
  type: 'uuid',
  wire: 'text',
  decode(raw) {
    const hex = typeof raw === 'object' ? raw.toString('hex') : asText(raw).replaceAll('-', '').toLowerCase()
    if (!/^[0-9a-f]{32}$/.test(hex)) return new ValueRejection('wrong-type', 'not a UUID')
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  },
  paging: plainTextPaging,
}

/**
 * INET4 and INET6: a select gives the text, the log four or sixteen bytes. Cast to text, an `inet` shows its mask,
 * that of a single host too.
 */
export const inetCodec: ValueCodec = {
  type: 'inet',
  wire: 'text',
  decode(raw) {
    const address = typeof raw === 'object' ? printAddress(raw) : canonicalAddress(asText(raw))
    if (address === null) return new ValueRejection('wrong-type', 'not an IP address')
    return `${address}${address.includes(':') ? '/128' : '/32'}`
  },
  paging: plainTextPaging,
}

/** The two servers shorten IPv6 addresses differently: read it, then print it as Postgres does. */
function canonicalAddress(text: string): string | null {
  if (!text.includes(':')) return text
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  const [, prefix = '', a, b, c, d] = dotted ?? []
  const word = (high = '0', low = '0'): string => (Number(high) * 256 + Number(low)).toString(16)
  const full = dotted === null ? text : `${prefix}${word(a, b)}:${word(c, d)}`
  const [head = '', tail] = full.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const words = [...before, ...Array<string>(Math.max(zeros, 0)).fill('0'), ...after]
  return words.length === 8 ? printWords(words.map((hex) => Number.parseInt(hex, 16))) : null
}

function printAddress(bytes: Buffer): string | null {
  if (bytes.length === 4) return [...bytes].join('.')
  if (bytes.length !== 16) return null
  return printWords(Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2)))
}

/** The first longest run of two or more zero words is `::`; mapped and compatible IPv4 addresses end dotted. */
function printWords(words: readonly number[]): string {
  const run = longestZeroRun(words)
  const dotted = run.start === 0 && (run.length === 6 || (run.length === 5 && words[5] === 0xffff))
  const [high = 0, low = 0] = words.slice(6)
  const last = dotted ? [[high >> 8, high & 255, low >> 8, low & 255].join('.')] : []
  const hex = words.slice(0, dotted ? 6 : 8).map((word) => word.toString(16))
  if (run.length < 2) return [...hex, ...last].join(':')
  const before = hex.slice(0, run.start)
  const after = [...hex.slice(run.start + run.length), ...last]
  return `${before.join(':')}::${after.join(':')}`
}

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 }
  for (let start = 0; start < words.length; start++) {
    let end = start
    while (end < words.length && words[end] === 0) end++
    if (end - start > best.length) best = { start, length: end - start }
    start = end
  }
  return best
}
