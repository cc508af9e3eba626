import { labelsOf } from '../rows/source-column.ts'

/** A column's type as either server or a statement writes it, so that the same types are the same text. */
export function normalType(columnType: string): string {
  const text = columnType.replace(/\/\*.*?\*\//g, '').trim()
  const [, name = '', given = '', rest = ''] =
    /^([a-z0-9_]+(?: precision| varying)?)\s*(\([\s\S]*\))?\s*(.*)$/i.exec(text) ?? []
  const attributes = rest.toLowerCase()
  const base = synonyms[name.toLowerCase()] ?? name.toLowerCase()
  const zerofill = attributes.includes('zerofill')
  const unsigned = zerofill || attributes.includes('unsigned') ? ' unsigned' : ''
  return `${base}${argumentsOf(base, given)}${unsigned}`
}

const synonyms: Readonly<Record<string, string>> = {
  integer: 'int',
  bool: 'tinyint',
  boolean: 'tinyint',
  dec: 'decimal',
  numeric: 'decimal',
  fixed: 'decimal',
  real: 'double',
  'double precision': 'double',
  'char varying': 'varchar',
  'character varying': 'varchar',
  character: 'char',
  int1: 'tinyint',
  int2: 'smallint',
  int3: 'mediumint',
  int4: 'int',
  int8: 'bigint',
}

const integers = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint']

/** How many digits of an integer are shown says nothing about the values; a missing length is the default one. */
function argumentsOf(base: string, given: string): string {
  if (integers.includes(base) || base === 'year') return ''
  // One number is a precision, by which the server chooses between the two; a second one rounds the values.
  if (base === 'float' || base === 'double') return given.includes(',') ? given : ''
  if (base === 'decimal')
    return given === '' ? '(10,0)' : given.includes(',') ? given : given.replace(')', ',0)')
  if (['char', 'binary', 'bit'].includes(base) && given === '') return '(1)'
  if (['datetime', 'timestamp', 'time'].includes(base) && given === '(0)') return ''
  if (base.endsWith('text') || base.endsWith('blob')) return ''
  return given
}

const texts = ['tinytext', 'text', 'mediumtext', 'longtext']
const blobs = ['tinyblob', 'blob', 'mediumblob', 'longblob']

/** Whether every value of the one type is the same value, printed alike, in the other. Both normal. */
export function holdsAllOf(wide: string, narrow: string): boolean {
  if (wide === narrow) return true
  const [a, b] = [parts(wide), parts(narrow)]
  if (a.unsigned !== b.unsigned) return false
  const among = (family: readonly string[]): boolean =>
    family.includes(a.base) && family.includes(b.base) && family.indexOf(a.base) >= family.indexOf(b.base)
  if (among(integers) || among(texts) || among(blobs)) return true
  if (b.base === 'varchar' && texts.includes(a.base)) return a.base !== 'tinytext'
  if (b.base === 'varbinary' && blobs.includes(a.base)) return a.base !== 'tinyblob'
  if (a.base !== b.base) return false
  switch (a.base) {
    case 'varchar':
    case 'char':
    case 'varbinary':
      return (a.numbers[0] ?? 0) >= (b.numbers[0] ?? 0)
    case 'datetime':
    case 'timestamp':
    case 'time':
      return (a.numbers[0] ?? 0) >= (b.numbers[0] ?? 0)
    case 'decimal':
      return a.numbers[1] === b.numbers[1] && (a.numbers[0] ?? 0) >= (b.numbers[0] ?? 0)
    case 'enum':
    case 'set':
      return labelsOf({ columnType: narrow }).every(
        (label, index) => labelsOf({ columnType: wide })[index] === label,
      )
    default:
      return false
  }
}

interface TypeParts {
  readonly base: string
  readonly numbers: readonly number[]
  readonly unsigned: boolean
}

function parts(type: string): TypeParts {
  const numbers = /\(([\d,]*)\)/.exec(type)?.[1]?.split(',').map(Number) ?? []
  return { base: /^[a-z0-9_]+/.exec(type)?.[0] ?? '', numbers, unsigned: type.endsWith(' unsigned') }
}
