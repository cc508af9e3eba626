import type { ByteReader } from './byte-reader.ts'

/** Bytes that hold a group of less than nine decimal digits. */
const groupBytes = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]

export function decimalBytes(precision: number, scale: number): number {
  const whole = precision - scale
  const digits = (count: number): number => Math.floor(count / 9) * 4 + (groupBytes[count % 9] ?? 0)
  return digits(whole) + digits(scale)
}

/**
 * NEWDECIMAL: groups of nine digits in four bytes each, big-endian; the groups farthest from the point may be shorter.
 * The highest bit is set for positive numbers, and all bits of negative ones are inverted.
 */
export function readDecimal(reader: ByteReader, precision: number, scale: number): string {
  const whole = precision - scale
  const start = reader.offset
  const negative = ((reader.buffer[start] ?? 0) & 0x80) === 0
  const group = (digits: number): number => {
    const bytes = groupBytes[digits] ?? 0
    let value = 0
    for (let index = 0; index < bytes; index++) {
      let byte = reader.u8()
      if (reader.offset === start + 1) byte ^= 0x80
      value = value * 256 + (negative ? byte ^ 0xff : byte)
    }
    return value
  }
  let text = whole % 9 === 0 ? '' : String(group(whole % 9))
  for (let left = whole - (whole % 9); left > 0; left -= 9) {
    const digits = group(9)
    text = text === '' || text === '0' ? String(digits) : text + String(digits).padStart(9, '0')
  }
  if (text === '') text = '0'
  if (scale > 0) {
    text += '.'
    for (let left = scale; left > 0; left -= 9) {
      const digits = Math.min(left, 9)
      text += String(group(digits)).padStart(digits, '0')
    }
  }
  return negative ? `-${text}` : text
}
