import { canonicalText, Invalid } from '../changes/canonical-text.ts'
import { numberText, printJson } from '../changes/canonical-text-json.ts'
import type { Column } from '../changes/column.ts'
import { compilePointer } from './json-text.ts'
import type { HttpColumn } from './options.ts'
import type { PageShape } from './page-shape.ts'

/** Why a record cannot be taken in, for scripts and for people. */
export class Unfit {
  readonly code: string
  readonly reason: string

  constructor(code: string, reason: string) {
    this.code = code
    this.reason = reason
  }
}

export interface ColumnReader {
  readonly column: Column
  /** The member of the record in which the value stands. */
  readonly member: string
  /** Notes in `shape` what is not as declared. */
  readonly read: (record: unknown, shape: PageShape | null) => string | null | Unfit
}

/** What becomes of a member that a record lacks, and of one of another type. */
export interface ColumnPolicy {
  readonly key: readonly string[]
  readonly missing: 'null' | 'reject'
  readonly retyped: 'null' | 'reject'
}

/** The kinds of JSON value that a column takes: what is silently converted today hides a change of type tomorrow. */
type Accepts = 'string' | 'number' | 'boolean' | 'json'

function acceptsOf(type: string): Accepts {
  if (/^(?:small|big)?int|^numeric|^decimal|^real|^double|^float/i.test(type.trim())) return 'number'
  if (/^bool/i.test(type.trim())) return 'boolean'
  return /^json/i.test(type.trim()) ? 'json' : 'string'
}

export function compileColumn(declared: HttpColumn, { key, missing, retyped }: ColumnPolicy): ColumnReader {
  const { name, type } = declared
  const place = key.indexOf(name)
  const nullable = place === -1 && (declared.nullable ?? true)
  const pointer = declared.from ?? `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  const at = compilePointer(pointer)
  const canonical = canonicalText(type)
  const accepts = acceptsOf(type)
  return {
    column: {
      name,
      type,
      nullable,
      keyPosition: place === -1 ? null : place + 1,
      comment: declared.comment ?? null,
    },
    member: firstMember(pointer),
    read(record, shape) {
      const value = at(record)
      if (value === undefined) shape?.note('missing', name)
      if (value === undefined || value === null) {
        if (nullable && (value === null || missing === 'null')) return null
        const code = place === -1 ? 'missing-field' : 'missing-key'
        return new Unfit(code, `${name} is ${value === null ? 'null' : 'missing'}, expected ${type}`)
      }
      const text = textOf(value, accepts)
      const result = text === null ? null : canonical(text)
      if (result !== null && !(result instanceof Invalid)) return result
      shape?.note('retyped', name)
      if (nullable && retyped === 'null') return null
      if (result === null) return new Unfit('wrong-type', `${name} is ${shown(value)}, expected ${type}`)
      return new Unfit('wrong-type', `${name}: ${shown(value)} ${result.reason} (expected ${type})`)
    },
  }
}

function firstMember(pointer: string): string {
  return (pointer.split('/')[1] ?? '').replaceAll('~1', '/').replaceAll('~0', '~')
}

/** Numbers and booleans may also come as strings, never the other way round. */
function textOf(value: unknown, accepts: Accepts): string | null {
  if (accepts === 'json') return printJson(value)
  const number = numberText(value)
  if (number !== undefined) return accepts === 'number' ? number : null
  if (typeof value === 'string') return value
  return typeof value === 'boolean' && accepts === 'boolean' ? String(value) : null
}

function shown(value: unknown): string {
  const text = printJson(value)
  const cut = text.length <= 80 ? text : `${text.slice(0, 80)}…`
  const isNumber = numberText(value) !== undefined
  return isNumber || typeof value === 'boolean' ? `the ${isNumber ? 'number' : 'boolean'} ${cut}` : cut
}
