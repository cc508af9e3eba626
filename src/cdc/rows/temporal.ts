import { textLiteral } from '../sql.ts'
import { asText, ValueRejection, type CodecOptions, type Paging, type ValueCodec } from './value-codec.ts'

/** The text that came, impossible dates included, so that paging gets past them. */
const temporalPaging: Paging = {
  cursor: asText,
  literal: (part) => {
    if (typeof part !== 'string') throw new TypeError('a date is never bytes')
    return textLiteral(part)
  },
}

export function dateCodec(options: CodecOptions): ValueCodec {
  const impossible = onImpossibleDate(options)
  return {
    type: 'date',
    wire: 'text',
    decode(raw) {
      const text = asText(raw)
      return isDate(text) ? text : impossible(text)
    },
    paging: temporalPaging,
  }
}

/** A DATETIME names no zone, hence `timestamp`. */
export function datetimeCodec(fraction: number, options: CodecOptions): ValueCodec {
  const impossible = onImpossibleDate(options)
  return {
    type: `timestamp(${fraction})`,
    wire: 'text',
    decode(raw) {
      const text = asText(raw)
      return isDate(text) ? trimFraction(text) : impossible(text)
    },
    paging: temporalPaging,
  }
}

/** A TIMESTAMP is an instant; the session's zone is UTC. */
export function timestampCodec(fraction: number, options: CodecOptions): ValueCodec {
  const datetime = datetimeCodec(fraction, options)
  return {
    type: `timestamp(${fraction}) with time zone`,
    wire: 'text',
    decode(raw) {
      const value = datetime.decode(raw)
      return typeof value === 'string' ? `${value}+00` : value
    },
    paging: temporalPaging,
  }
}

/** A TIME reaches from -838:59:59 to 838:59:59: a length of time and not a time of day. */
export const timeCodec: ValueCodec = {
  type: 'interval',
  wire: 'text',
  decode(raw) {
    const text = trimFraction(asText(raw))
    return text === '-00:00:00' ? '00:00:00' : text
  },
  paging: temporalPaging,
}

/** YEAR 0000 is a value of its own, not a missing one. */
export const yearCodec: ValueCodec = {
  type: 'smallint',
  wire: 'text',
  decode: (raw) => String(Number(asText(raw))),
  paging: { ...temporalPaging, literal: (part) => String(Number(part)) },
}

/** Postgres prints no trailing zeros of a fraction. */
function trimFraction(text: string): string {
  return text.includes('.') ? text.replace(/\.?0*$/, '') : text
}

function onImpossibleDate({ zeroDates }: CodecOptions): (text: string) => null | ValueRejection {
  return zeroDates === 'null'
    ? () => null
    : (text) => new ValueRejection('impossible-date', `no calendar has the date ${text}`)
}

const daysOfMonth = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Whether Postgres takes the first ten characters for a date. */
function isDate(text: string): boolean {
  if (text.length < 10) return false
  const year = digits(text, 0) * 100 + digits(text, 2)
  const month = digits(text, 5)
  const day = digits(text, 8)
  if (!(year > 0 && month > 0 && day > 0 && day <= (daysOfMonth[month] ?? 0))) return false
  return month !== 2 || day < 29 || (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0))
}

function digits(text: string, offset: number): number {
  return text.charCodeAt(offset) * 10 + text.charCodeAt(offset + 1) - 528
}
