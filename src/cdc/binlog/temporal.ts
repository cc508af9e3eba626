import type { ByteReader } from './byte-reader.ts'

/** The packed dates and times of row images as the text that a select prints with `time_zone = '+00:00'`. */

const twoDigits = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'))
const pad2 = (number: number): string => twoDigits[number] ?? String(number)
const pad4 = (number: number): string => String(number).padStart(4, '0')

/** DATE: day in 5 bits, month in 4, year. */
export function readDate(reader: ByteReader): string {
  const packed = reader.u24()
  return `${pad4(packed >> 9)}-${pad2((packed >> 5) & 15)}-${pad2(packed & 31)}`
}

/** TIMESTAMP2: seconds since the epoch, unsigned: MariaDB uses all 32 bits since 11.5, and 0 is no date. */
export function readTimestamp(reader: ByteReader, decimals: number): string {
  return printTimestamp(reader.bigEndian(4)) + readFraction(reader, decimals)
}

/** TIMESTAMP of tables from before MySQL 5.6. */
export function readOldTimestamp(reader: ByteReader): string {
  return printTimestamp(reader.u32())
}

const zeroTimestamp = '0000-00-00 00:00:00'

function printTimestamp(seconds: number): string {
  if (seconds === 0) return zeroTimestamp
  const iso = new Date(seconds * 1000).toISOString()
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}`
}

/** DATETIME2: a set sign bit, 17 bits of year · 13 + month, 5 of day and hour, 6 of minute and second. */
export function readDatetime(reader: ByteReader, decimals: number): string {
  const high = reader.bigEndian(3)
  const low = reader.bigEndian(2)
  const yearMonth = (high >> 6) & 0x1ffff
  const year = Math.floor(yearMonth / 13)
  const day = (high >> 1) & 31
  const hour = ((high & 1) << 4) | (low >> 12)
  return `${pad4(year)}-${pad2(yearMonth - year * 13)}-${pad2(day)} ${pad2(hour)}:${pad2((low >> 6) & 63)}:${pad2(
    low & 63,
  )}${readFraction(reader, decimals)}`
}

/** DATETIME of tables from before MySQL 5.6: the decimal number YYYYMMDDhhmmss. */
export function readOldDatetime(reader: ByteReader): string {
  const text = reader.u64().toString().padStart(14, '0')
  return `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)} ${text.slice(8, 10)}:${text.slice(
    10,
    12,
  )}:${text.slice(12, 14)}`
}

/** TIME2: one number of 24 bits and those of the fraction, biased by half of its range. */
export function readTime(reader: ByteReader, decimals: number): string {
  const fractionBytes = (decimals + 1) >> 1
  const unit = 256 ** fractionBytes
  const biased = reader.bigEndian(3 + fractionBytes) - 0x800000 * unit
  const magnitude = Math.abs(biased)
  const whole = Math.floor(magnitude / unit)
  const time = `${pad2(whole >> 12)}:${pad2((whole >> 6) & 63)}:${pad2(whole & 63)}`
  return (biased < 0 ? '-' : '') + time + printFraction(magnitude % unit, decimals)
}

/** TIME of tables from before MySQL 5.6: the decimal number hhmmss. */
export function readOldTime(reader: ByteReader): string {
  const packed = reader.u24()
  const signed = packed >= 0x800000 ? packed - 0x1000000 : packed
  const magnitude = Math.abs(signed)
  const time = `${pad2(Math.floor(magnitude / 10_000))}:${pad2(Math.floor(magnitude / 100) % 100)}:${pad2(magnitude % 100)}`
  return signed < 0 ? `-${time}` : time
}

/** YEAR 0 is the year 0000, all others count from 1900. */
export function readYear(reader: ByteReader): number {
  const year = reader.u8()
  return year === 0 ? 0 : 1900 + year
}

function readFraction(reader: ByteReader, decimals: number): string {
  return decimals === 0 ? '' : printFraction(reader.bigEndian((decimals + 1) >> 1), decimals)
}

/** An odd number of digits is stored as the next even one. */
function printFraction(value: number, decimals: number): string {
  if (decimals === 0) return ''
  const stored = decimals + (decimals & 1)
  return `.${String(value).padStart(stored, '0').slice(0, decimals)}`
}
