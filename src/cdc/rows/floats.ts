/**
 * Floats as Postgres prints them: the shortest digits that lie strictly between the midpoints to both neighbours, the
 * closest of those, the even one of two that are equally close (U. Adams, "Ryū: fast float-to-string conversion",
 * PLDI 2018, with bounds excluded). JavaScript accepts a midpoint that reads back, and takes the larger of two, so
 * its digits are only the beginning.
 */

/** As Postgres prints `double precision`, with an exponent from 1e15 on. */
export function printDouble(value: number): string {
  const text = shortestDouble(Math.abs(value))
  return printDigits({ negative: isNegative(value), ...digitsOf(text), fixedBelow: 15 })
}

/** As Postgres prints `real`, with an exponent from 1e6 on. */
export function printReal(value: number): string {
  const float = Math.fround(value)
  const text = shortestReal(Math.abs(float))
  return printDigits({ negative: isNegative(float), ...digitsOf(text), fixedBelow: 6 })
}

function isNegative(value: number): boolean {
  return value < 0 || Object.is(value, -0)
}

const asFloat = new Float32Array(1)
const asBits = new Uint32Array(asFloat.buffer)

/** The floats beside a positive one. */
function neighbours(float: number): { readonly below: number; readonly above: number } {
  asFloat[0] = float
  const bits = asBits[0] ?? 0
  asBits[0] = bits - 1
  const below = asFloat[0]
  asBits[0] = bits + 1
  const above = asFloat[0]
  // Above the largest one there is none: as far as below.
  return { below, above: Number.isFinite(above) ? above : float + (float - below) }
}

const smallestNormalReal = 2 ** -126

/** Between two midpoints lies at most one decimal of six digits, so that shorter ones show up as trailing zeros. */
function shortestReal(float: number): string {
  if (float === 0) return '0e0'
  const { below, above } = neighbours(float)
  // Exact: a double has room for the midpoint of two 32-bit floats.
  const [low, high] = [(below + float) / 2, (float + above) / 2]
  for (let precision = float < smallestNormalReal ? 1 : 6; precision < 9; precision++) {
    const text = precision < 7 ? float.toExponential(precision - 1) : closest(float, precision)
    const read = Number(text)
    if (low < read && read < high) return text
  }
  return closest(float, 9)
}

function shortestDouble(value: number): string {
  const text = value.toExponential()
  const precision = digitsOf(text).digits.length
  if (!isMidpoint(value, text)) {
    // A decimal of fifteen digits is the only one near its double, so that no other is equally close.
    return precision <= 15 ? text : closest(value, precision)
  }
  for (let more = precision + 1; more < 17; more++) {
    const longer = closest(value, more)
    if (!isMidpoint(value, longer)) return longer
  }
  return closest(value, 17)
}

/** Whether a decimal lies just between two doubles. Only large integers have midpoints of so few digits. */
function isMidpoint(value: number, text: string): boolean {
  if (value < 2 ** 53 || value > 2 ** 80) return false
  const { digits, exponent } = digitsOf(text)
  const decimal = BigInt(digits) * 10n ** BigInt(exponent - digits.length + 1)
  const distance = decimal - BigInt(value)
  const bits = BigInt(value).toString(2)
  const ulp = 2n ** BigInt(bits.length - 53)
  // Below a power of two the floats are twice as close.
  const below = bits.includes('1', 1) ? ulp : ulp / 2n
  return distance * 2n === ulp || distance * -2n === below
}

/** The closest decimal of so many digits; of two the even one. */
function closest(value: number, precision: number): string {
  const rounded = value.toExponential(precision - 1)
  // Enough digits to tell a tie from what only looks like one.
  const [exact = '', exponent = '0'] = value.toExponential(60).split('e')
  const tie = /^50*$/.test(exact.slice(precision + 1))
  const lower = exact.slice(0, precision + 1)
  return tie && Number(lower.at(-1)) % 2 === 0 ? `${lower}e${exponent}` : rounded
}

interface Digits {
  readonly digits: string
  /** Of the first digit. */
  readonly exponent: number
}

function digitsOf(text: string): Digits {
  const [mantissa = '', exponent = '0'] = text.split('e')
  return { digits: mantissa.replace('.', '').replace(/0+$/, '') || '0', exponent: Number(exponent) }
}

interface Printed extends Digits {
  readonly negative: boolean
  readonly fixedBelow: number
}

function printDigits({ negative, digits, exponent, fixedBelow }: Printed): string {
  const sign = negative ? '-' : ''
  if (exponent < -4 || exponent >= fixedBelow) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const power = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${digits.slice(0, 1)}${fraction}e${exponent < 0 ? '-' : '+'}${power}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`
}
