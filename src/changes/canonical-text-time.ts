import { Invalid } from './canonical-text-invalid.ts'

/** Microseconds of a day; days since 1970-01-01. Kept apart, since their sum exceeds what a double holds exactly. */
interface Moment {
  readonly days: number
  readonly micros: number
}

const dayMicros = 86_400_000_000
const epoch2000 = 10_957

const dateText = /^(\d{4,8})-(\d{1,2})-(\d{1,2})(?:[T ] *(\d.*?))?( BC)?$/
const timeText =
  /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,30}))?)?(?: ?(?:([Zz]|UTC)|([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?))?$/

/** Days since 1970-01-01 of a proleptic Gregorian date. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

function printDate(days: number): { text: string; suffix: string } {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const shown = year > 0 ? year : 1 - year
  return { text: `${pad(shown, 4)}-${pad(month)}-${pad(day)}`, suffix: year > 0 ? '' : ' BC' }
}

const pad = (number: number, width = 2): string => number.toString().padStart(width, '0')

const earliest = daysFromCivil(-4713, 11, 24)
const latestDate = daysFromCivil(5_874_897, 12, 31)
const latestTimestamp = daysFromCivil(294_276, 12, 31)

function parseDate(parts: RegExpExecArray): number | Invalid {
  const [, yearText, monthText, dayText, , era] = parts
  const [written, month, day] = [Number(yearText), Number(monthText), Number(dayText)]
  if (written === 0) return new Invalid('has the year 0, which does not exist')
  const year = era === undefined ? written : 1 - written
  const days = daysFromCivil(year, month, day)
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  if (day < 1 || day > (lengths[month - 1] ?? 0)) return new Invalid('is not a day of the calendar')
  return days
}

/** Time of day, fraction as Postgres rounds it, and the offset from UTC in seconds if one was written. */
function parseTime(text: string): { micros: number; offset: number | null } | Invalid {
  const parts = timeText.exec(text)
  if (parts === null) return new Invalid('has no time of the form HH:MM:SS')
  const [
    ,
    hourText,
    minuteText,
    secondText = '0',
    fraction,
    utc,
    sign,
    zoneHour,
    zoneMinute = '0',
    zoneSecond = '0',
  ] = parts
  const [hour, minute, second] = [Number(hourText), Number(minuteText), Number(secondText)]
  const micros = fraction === undefined ? 0 : roundHalfEven(Number(`0.${fraction}`) * 1e6)
  const whole = (hour * 60 + minute) * 60 + second
  if (minute > 59 || second > 60 || whole > 86_400 || (whole === 86_400 && micros > 0)) {
    return new Invalid('is not a time of the day')
  }
  let offset: number | null = utc === undefined ? null : 0
  if (sign !== undefined) {
    offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60 + Number(zoneSecond)
    if (Number(zoneHour) > 15 || Number(zoneMinute) > 59 || Number(zoneSecond) > 59) {
      return new Invalid('has an offset from UTC that does not exist')
    }
    if (sign === '-') offset = -offset
  }
  return { micros: whole * 1e6 + micros, offset }
}

function roundHalfEven(number: number): number {
  const floor = Math.floor(number)
  const rest = number - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** Rounds to `digits` of a second, half away from 2000-01-01, the zero of Postgres' own count. */
function roundTo({ days, micros }: Moment, digits: number): Moment {
  const step = 10 ** (6 - Math.min(digits, 6))
  const rest = micros % step
  const up = rest * 2 > step || (rest * 2 === step && days >= epoch2000)
  return carry({ days, micros: micros - rest + (up ? step : 0) })
}

function carry({ days, micros }: Moment): Moment {
  const over = Math.floor(micros / dayMicros)
  return { days: days + over, micros: micros - over * dayMicros }
}

function printTime(micros: number): string {
  const seconds = Math.floor(micros / 1e6)
  const rest = micros % 1e6
  const clock = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
  return rest === 0 ? clock : `${clock}.${pad(rest, 6).replace(/0+$/, '')}`
}

function infinity(value: string): string | null {
  const parts = /^([+-]?)infinity$/i.exec(value)
  return parts === null ? null : parts[1] === '-' ? '-infinity' : 'infinity'
}

/** ISO dates; of an ISO timestamp the date as written, which is what Postgres takes too. */
export function canonicalDate(value: string): string | Invalid {
  const text = value.trim()
  const parts = dateText.exec(text)
  if (parts === null) return infinity(text) ?? new Invalid('is not a date of the form YYYY-MM-DD')
  const days = parseDate(parts)
  if (days instanceof Invalid) return days
  const time = parts[4] === undefined ? null : parseTime(parts[4])
  if (time instanceof Invalid) return time
  if (days > latestDate || days < earliest) return new Invalid('is out of the range of date')
  const date = printDate(days)
  return date.text + date.suffix
}

export function canonicalTimestamp(digits: number, zoned: boolean): (value: string) => string | Invalid {
  const name = zoned ? 'timestamptz' : 'timestamp'
  return (value) => {
    const text = value.trim()
    const parts = dateText.exec(text)
    if (parts === null) {
      return infinity(text) ?? new Invalid('is not a timestamp of the form YYYY-MM-DD HH:MM:SS')
    }
    const days = parseDate(parts)
    if (days instanceof Invalid) return days
    const time = parts[4] === undefined ? { micros: 0, offset: null } : parseTime(parts[4])
    if (time instanceof Invalid) return time
    const offset = time.offset ?? 0
    if (!zoned && offset !== 0) {
      return new Invalid(
        'has an offset from UTC, which timestamp would drop: declare the column as timestamptz',
      )
    }
    const moment = roundTo(carry({ days, micros: time.micros - offset * 1e6 }), digits)
    if (moment.days > latestTimestamp || moment.days < earliest)
      return new Invalid(`is out of the range of ${name}`)
    const date = printDate(moment.days)
    return `${date.text} ${printTime(moment.micros)}${zoned ? '+00' : ''}${date.suffix}`
  }
}

export function canonicalTime(digits: number): (value: string) => string | Invalid {
  return (value) => {
    const time = parseTime(value.trim())
    if (time instanceof Invalid) return time
    if (time.offset !== null) return new Invalid('has an offset from UTC, which time would drop')
    // Any day from 2000 on: a time of day is rounded half up.
    const { days, micros } = roundTo({ days: epoch2000, micros: time.micros }, digits)
    return days > epoch2000 ? '24:00:00' : printTime(micros)
  }
}
