import { OperatorError } from '../runtime/errors.ts'
import { canonicalJson, canonicalJsonb } from './canonical-text-json.ts'
import { canonicalFloat, canonicalInteger, canonicalNumeric } from './canonical-text-number.ts'
import { canonicalDate, canonicalTime, canonicalTimestamp } from './canonical-text-time.ts'
import { Invalid } from './canonical-text-invalid.ts'

export { Invalid } from './canonical-text-invalid.ts'

/** Either the text that Postgres prints or the reason, for people, why the value is not of the type. */
export type CanonicalText = (value: string) => string | Invalid

/** What a column may be declared as; the aliases of Postgres are understood too. */
const supported =
  'smallint, integer, bigint, numeric(p,s), real, double precision, boolean, text, varchar(n), char(n), date, ' +
  'timestamp(p), timestamptz(p), time(p), uuid, json, jsonb, bytea'

/**
 * Compiles the codec for loosely typed values (an API, files): text in, and out the very text that Postgres
 * prints for the declared type with `TimeZone=UTC`, `DateStyle=ISO`, hex bytea and the default
 * `extra_float_digits`, so that `v::type::text = v`.
 *
 * Stricter than the input functions of Postgres where those guess or silently drop something: dates are ISO
 * only, an offset other than zero is no `timestamp` without time zone.
 *
 * Throws an `OperatorError` (`type-unsupported`) for a type it does not know.
 */
export function canonicalText(type: string): CanonicalText {
  const { name, parameters } = parseType(type)
  const [first, second] = parameters
  switch (name) {
    case 'smallint':
      return canonicalInteger(name, 16)
    case 'integer':
      return canonicalInteger(name, 32)
    case 'bigint':
      return canonicalInteger(name, 64)
    case 'numeric':
      return canonicalNumeric(first, second ?? 0)
    case 'real':
      return canonicalFloat('real')
    case 'double precision':
      return canonicalFloat('double precision')
    case 'boolean':
      return canonicalBoolean
    case 'text':
      return canonicalCharacters
    case 'varchar':
      return first === undefined ? canonicalCharacters : limitedCharacters(`varchar(${first})`, first, false)
    case 'char':
      return limitedCharacters(`char(${first ?? 1})`, first ?? 1, true)
    case 'date':
      return canonicalDate
    case 'timestamp':
      return canonicalTimestamp(first ?? 6, false)
    case 'timestamptz':
      return canonicalTimestamp(first ?? 6, true)
    case 'time':
      return canonicalTime(first ?? 6)
    case 'uuid':
      return canonicalUuid
    case 'json':
      return canonicalJson
    case 'jsonb':
      return canonicalJsonb
    case 'bytea':
      return canonicalBytes
    default:
      throw new OperatorError({
        code: 'type-unsupported',
        area: 'configuration',
        message: `the column type "${type}" is not supported here`,
        hint: `Declare the column as one of: ${supported}.`,
      })
  }
}

const aliases: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int: 'integer',
  int4: 'integer',
  int8: 'bigint',
  decimal: 'numeric',
  float4: 'real',
  float8: 'double precision',
  float: 'double precision',
  bool: 'boolean',
  'character varying': 'varchar',
  character: 'char',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
  'time without time zone': 'time',
}

function parseType(type: string): { name: string; parameters: number[] } {
  const parts = /^([a-z0-9 ]+?) ?(?:\( ?(\d+) ?(?:, ?(-?\d+) ?)?\))?( with(?:out)? time zone)?$/.exec(
    type.trim().toLowerCase().replaceAll(/\s+/g, ' '),
  )
  if (parts === null) return { name: type, parameters: [] }
  const [, base = '', first, second, zone = ''] = parts
  const name = base + zone
  const parameters = [first, second].filter((text) => text !== undefined).map(Number)
  return { name: aliases[name] ?? name, parameters }
}

// With the `u` flag a class of surrogates matches only those that are not half of a pair.
const loneSurrogate = /[\ud800-\udfff]/u

function canonicalCharacters(value: string): string | Invalid {
  if (value.includes('\u0000')) return new Invalid('contains U+0000, which Postgres cannot store')
  if (loneSurrogate.test(value))
    return new Invalid('contains half of a surrogate pair, which is not a character')
  return value
}

/** `char(n)` loses its padding when it becomes text; both types forgive trailing spaces beyond their length. */
function limitedCharacters(name: string, length: number, padded: boolean): CanonicalText {
  return (value) => {
    const text = canonicalCharacters(value)
    if (text instanceof Invalid) return text
    const wanted = padded ? text.replace(/ +$/, '') : text
    if (wanted.length <= length) return wanted
    // Postgres counts code points.
    const characters = Array.from(wanted)
    if (characters.length <= length) return wanted
    if (characters.slice(length).every((character) => character === ' '))
      return characters.slice(0, length).join('')
    return new Invalid(`has ${characters.length} characters, more than ${name} holds`)
  }
}

const booleans: Readonly<Record<string, string>> = Object.fromEntries([
  ...['t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1'].map((text) => [text, 'true']),
  ...['f', 'fa', 'fal', 'fals', 'false', 'n', 'no', 'of', 'off', '0'].map((text) => [text, 'false']),
]) as Record<string, string>

function canonicalBoolean(value: string): string | Invalid {
  const text = value.trim().toLowerCase()
  return (Object.hasOwn(booleans, text) ? booleans[text] : undefined) ?? new Invalid('is not a boolean')
}

function canonicalUuid(value: string): string | Invalid {
  const text = value.trim().toLowerCase()
  const digits = text.replace(/^\{(.*)\}$/, '$1').replaceAll('-', '')
  if (!/^[0-9a-f]{32}$/.test(digits) || !/^\{?(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}\}?$/.test(text)) {
    return new Invalid('is not a uuid')
  }
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function canonicalBytes(value: string): string | Invalid {
  return /^\\x(?:[0-9a-fA-F]{2})*$/.test(value)
    ? value.toLowerCase()
    : new Invalid('is not bytea in hex form (\\x followed by pairs of hex digits)')
}
