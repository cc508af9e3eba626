import type { z } from 'zod'
import type { ConfigDocument } from './document.ts'
import { nearest, suggestion } from './nearest.ts'
import type { Problem } from './problem.ts'
import { pathKey, valueAt, type SettingPath } from './setting-path.ts'

type Issue = z.core.$ZodIssue

/** The keys that a map knows, by the list of those it did not know: the one thing both ends of zod can see. */
const knownKeys = new WeakMap<readonly string[], readonly string[]>()

/** To be given to `safeParse`: remembers which keys would have been right, which finished issues do not say. */
export const rememberKnownKeys: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'unrecognized_keys') {
    const shape = (issue.inst as z.ZodObject | undefined)?.shape as object | undefined
    knownKeys.set(issue.keys, Object.keys(shape ?? {}))
  }
  return undefined
}

export interface IssueContext {
  readonly document: ConfigDocument
  /** What was parsed. */
  readonly value: unknown
}

/** Says in the operator's words, with positions, what zod found. */
export function problemsOf(issue: Issue, context: IssueContext, above: SettingPath = []): Problem[] {
  const path = [...above, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))]
  const { document, value } = context
  if (document.unresolved.has(pathKey(path))) return []
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys.get(issue.keys) ?? []
    return issue.keys.map((key) =>
      document.problem({
        path: [...path, key],
        at: 'key',
        message: `unknown key; ${suggestion(key, known)}`,
      }),
    )
  }
  if (issue.code === 'invalid_union') {
    const branch = likeliest(issue.errors)
    if (branch) return branch.flatMap((inner) => problemsOf(inner, context, path))
  }
  const found = valueAt(value, path)
  const message =
    found === undefined ? missing(issue) : wrong(issue, { found, shown: isShown(path, document) })
  return [document.problem({ path, message, at: issue.code === 'invalid_key' ? 'key' : 'value' })]
}

/** The alternative of a union that was meant: one whose kind of value it is. */
function likeliest(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const sameKind = branches.filter((issues) =>
    issues.every(({ code, path }) => code !== 'invalid_type' || path.length > 0),
  )
  return sameKind.toSorted((a, b) => a.length - b.length)[0] ?? null
}

function isShown(path: SettingPath, document: ConfigDocument): boolean {
  return !document.provenance.has(pathKey(path))
}

function missing(issue: Issue): string {
  const expected = expectation(issue)
  return expected === null ? 'is missing' : `is missing: expected ${expected}`
}

function wrong(issue: Issue, { found, shown }: { found: unknown; shown: boolean }): string {
  const expected = expectation(issue)
  switch (issue.code) {
    case 'invalid_value': {
      const near = shown && typeof found === 'string' ? nearest(found, issue.values.map(String)) : null
      return `must be ${expected ?? ''}${near === null ? '' : `; did you mean "${near}"?`}`
    }
    case 'invalid_union':
    case 'invalid_type':
      return expected === null ? issue.message : `must be ${expected}, not ${kindOf(found)}`
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.map((inner) => inner.message).join('; ')
    case 'too_small':
    case 'too_big':
      return limit(issue)
    case 'unrecognized_keys':
    case 'not_multiple_of':
    case 'invalid_format':
    case 'custom':
      return issue.message
    default:
      return issue satisfies never
  }
}

function limit(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  // A message of our own says more than the bare number.
  if (!issue.message.startsWith('Too ')) return issue.message
  if (issue.code === 'too_small') {
    return `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unit(issue.origin)}`
  }
  return `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unit(issue.origin)}`
}

function unit(origin: string): string {
  return origin === 'string' ? ' characters long' : origin === 'array' ? ' entries long' : ''
}

function expectation(issue: Issue): string | null {
  if (issue.code === 'invalid_value') {
    return issue.values.length === 1
      ? String(issue.values[0])
      : `one of ${issue.values.map(String).join(', ')}`
  }
  if (issue.code === 'invalid_type') return kinds[issue.expected] ?? issue.expected
  if (issue.code !== 'invalid_union') return null
  if (issue.discriminator !== undefined && 'options' in issue) {
    return `one of ${(issue.options ?? []).map(String).join(', ')}`
  }
  const expected = issue.errors.flatMap((branch) => branch.map(expectation)).filter((one) => one !== null)
  return expected.length === 0 ? null : [...new Set(expected)].join(' or ')
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a map of settings',
  record: 'a map of settings',
  null: 'null',
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a number with a fraction'
  return typeof value === 'boolean' ? String(value) : 'a map of settings'
}
