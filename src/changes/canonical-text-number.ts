import { Invalid } from './canonical-text-invalid.ts'

/** `coefficient · 10^-scale`, exact; `scale` is the number of digits behind the point as written. */
interface Decimal {
  readonly coefficient: bigint
  readonly scale: number
}

// The limits of Postgres' numeric; longer text is refused before any arithmetic is done on it.
const maxIntegerDigits = 131_072
const maxScale = 16_383

const decimalText =
  /^[ \t\n\v\f\r]*([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d{1,7}))?[ \t\n\v\f\r]*$/

function parseDecimal(value: string): Decimal | null {
  if (value.length > maxIntegerDigits + maxScale + 20) return null
  const parts = decimalText.exec(value)
  if (parts === null) return null
  const [, sign, whole = '', fraction, onlyFraction, exponent] = parts
  const behind = fraction ?? onlyFraction ?? ''
  const digits = (whole + behind).replace(/^0+/, '')
  const scale = behind.length - Number(exponent ?? 0)
  if (scale > maxScale || digits.length - scale > maxIntegerDigits) return null
  const coefficient = BigInt(digits === '' ? '0' : digits)
  return { coefficient: sign === '-' ? -coefficient : coefficient, scale }
}

const power = (exponent: number): bigint => 10n ** BigInt(exponent)

/** Rounds half away from zero, as numeric does. */
function rescale({ coefficient, scale }: Decimal, wanted: number): Decimal {
  if (wanted >= scale) return { coefficient: coefficient * power(wanted - scale), scale: wanted }
  const divisor = power(scale - wanted)
  const magnitude = coefficient < 0n ? -coefficient : coefficient
  const rounded = (magnitude * 2n + divisor) / (divisor * 2n)
  return { coefficient: coefficient < 0n ? -rounded : rounded, scale: wanted }
}

function print({ coefficient, scale }: Decimal): string {
  if (scale <= 0) return (coefficient * power(-scale)).toString()
  const sign = coefficient < 0n ? '-' : ''
  const digits = (coefficient < 0n ? -coefficient : coefficient).toString().padStart(scale + 1, '0')
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** `5`, `+5`, `5.0` and `5e0` are the whole number 5; `5.5` is refused rather than rounded. */
export function canonicalInteger(name: string, bits: number): (value: string) => string | Invalid {
  const limit = 2n ** BigInt(bits - 1)
  const safeDigits = bits === 16 ? 4 : bits === 32 ? 9 : 18
  const plain = new RegExp(`^(?:0|-?[1-9]\\d{0,${safeDigits - 1}})$`)
  return (value) => {
    if (plain.test(value)) return value
    const decimal = parseDecimal(value)
    if (decimal === null) return new Invalid(`is not a whole number`)
    const { coefficient } = rescale(decimal, 0)
    if (decimal.scale > 0 && coefficient * power(decimal.scale) !== decimal.coefficient) {
      return new Invalid(`is not a whole number`)
    }
    if (coefficient >= limit || coefficient < -limit) return new Invalid(`is out of the range of ${name}`)
    return coefficient.toString()
  }
}

export function canonicalNumeric(precision?: number, scale?: number): (value: string) => string | Invalid {
  return (value) => {
    const special = specialNumber(value)
    if (special === 'NaN') return special
    if (special !== null) {
      return precision === undefined
        ? special
        : new Invalid('is infinite, which a numeric with a precision is not')
    }
    const decimal = parseDecimal(value)
    if (decimal === null) return new Invalid('is not a number that numeric can hold')
    if (precision === undefined) return print(decimal)
    const rounded = rescale(decimal, scale ?? 0)
    const magnitude = rounded.coefficient < 0n ? -rounded.coefficient : rounded.coefficient
    if (magnitude >= power(precision)) {
      return new Invalid(`has more digits before the point than numeric(${precision},${scale ?? 0}) holds`)
    }
    return print(rounded)
  }
}

function specialNumber(value: string): string | null {
  const text = value.trim().toLowerCase()
  if (text === 'nan') return 'NaN'
  const parts = /^([+-]?)inf(?:inity)?$/.exec(text)
  return parts === null ? null : parts[1] === '-' ? '-Infinity' : 'Infinity'
}

/**
 * The shortest digits that read back as the same number, as Postgres prints it since version 12. Unlike
 * JavaScript's printing, digits that lie exactly between two numbers do not count (1e23 is
 * 9.999999999999999e+22).
 */
export function canonicalFloat(name: 'real' | 'double precision'): (value: string) => string | Invalid {
  const single = name === 'real'
  return (value) => {
    const special = specialNumber(value)
    if (special !== null) return special
    if (!decimalText.test(value)) return new Invalid('is not a number')
    const exact = Number(value)
    const number = single ? Math.fround(exact) : exact
    const isZero = !/[1-9]/.test(value.replace(/e.*/i, ''))
    if (!Number.isFinite(number) || (number === 0 && !isZero))
      return new Invalid(`is out of the range of ${name}`)
    if (number === 0) return Object.is(number, -0) ? '-0' : '0'
    return single ? printFloat(shortestSingle(number), 6) : printFloat(shortestDouble(number), 15)
  }
}

function shortestSingle(number: number): string {
  const magnitude = Math.abs(number)
  const bits = new Uint32Array(new Float32Array([magnitude]).buffer)[0] ?? 0
  const [below = 0, above = 0] = new Float32Array(new Uint32Array([bits - 1, bits + 1]).buffer)
  // Midpoints of singles are exact doubles; above the greatest single lies infinity, half a step away.
  const low = (magnitude + below) / 2
  const high = Number.isFinite(above) ? (magnitude + above) / 2 : magnitude + (magnitude - below) / 2
  for (let digits = 1; digits <= 9; digits++) {
    const nearest = roundedDigits(magnitude, digits)
    // The range of a power of two reaches twice as far up as down, so the nearest text may lie outside of it.
    for (const candidate of [nearest, nextUp(nearest, digits)]) {
      const read = Number(candidate)
      if (read > low && read < high) return number < 0 ? `-${candidate}` : candidate
    }
  }
  return number.toExponential(8)
}

function nextUp(text: string, digits: number): string {
  const [mantissa = '', exponent = ''] = text.split('e')
  const next = Number(mantissa.replace('.', '')) + 1
  return Number(`${next}e${Number(exponent) - digits + 1}`).toExponential(digits - 1)
}

/** `toExponential` takes the greater of two equally near numbers, Postgres the even one. */
function roundedDigits(magnitude: number, digits: number): string {
  const [, even = '', exponent = ''] =
    /^([\d.]*[02468])50*(e.*)$/.exec(magnitude.toExponential(digits + 40)) ?? []
  return even.replace('.', '').length === digits ? even + exponent : magnitude.toExponential(digits - 1)
}

function shortestDouble(number: number): string {
  const shortest = number.toExponential()
  // Below 2^53 a midpoint needs more digits than the shortest form ever has.
  if (Math.abs(number) < 2 ** 53 || !onMidpoint(number, Number(shortest), shortest)) return shortest
  for (let digits = shortest.replace(/e.*|\D/g, '').length + 1; digits < 17; digits++) {
    const candidate = `${number < 0 ? '-' : ''}${roundedDigits(Math.abs(number), digits)}`
    if (Number(candidate) === number && !onMidpoint(number, Number(candidate), candidate)) return candidate
  }
  return number.toExponential(16)
}

function onMidpoint(number: number, read: number, text: string): boolean {
  const decimal = parseDecimal(text)
  if (decimal === null || read !== number) return false
  const candidate = rescale(decimal, 0).coefficient
  const exact = BigInt(number)
  const bits = new BigUint64Array(new Float64Array([number]).buffer)[0] ?? 0n
  const [below = 0, above = 0] = new Float64Array(new BigUint64Array([bits - 1n, bits + 1n]).buffer)
  return [below, above].some((next) => Number.isFinite(next) && candidate * 2n === exact + BigInt(next))
}

/** Lays out `d.ddde±x`: plain from 1e-4 up to, not including, `10^plainDigits`; else with two digits of exponent. */
function printFloat(scientific: string, plainDigits: number): string {
  const [mantissa = '', exponentText = '0'] = scientific.split('e')
  const exponent = Number(exponentText)
  const sign = mantissa.startsWith('-') ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '')
  if (exponent < -4 || exponent >= plainDigits) {
    const point = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const power = Math.abs(exponent).toString().padStart(2, '0')
    return `${sign}${digits.slice(0, 1)}${point}e${exponent < 0 ? '-' : '+'}${power}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const behind = digits.slice(exponent + 1)
  return `${sign}${whole}${behind === '' ? '' : `.${behind}`}`
}
