import { planModel } from '../match/compile.ts'
import type { ConfigDocument } from './document.ts'
import { sideConfig, type MatchSettings, type SideConfig } from './match.ts'
import { suggestion } from './nearest.ts'
import type { Problem } from './problem.ts'
import { pathKey, valueAt, type SettingPath } from './setting-path.ts'
import type { KnownStream } from './streams.ts'

export interface MatchCheck {
  readonly name: string
  readonly settings: MatchSettings
  readonly streams: readonly KnownStream[]
  readonly document: ConfigDocument
}

/** What a match refers to: streams, joined streams, columns, fields. */
export function checkMatch(check: MatchCheck): Problem[] {
  const { name, settings } = check
  const path = ['matches', name]
  const left = sideConfig(settings.left)
  const right = sideConfig(settings.right)
  return [
    ...checkSide(check, [...path, 'left'], left),
    ...checkSide(check, [...path, 'right'], right),
    ...checkPrefixes(check, left, right),
    ...checkFields(check, left, right),
  ]
}

function checkSide(check: MatchCheck, path: SettingPath, side: SideConfig): Problem[] {
  const names = check.streams.map((stream) => stream.name)
  const unknownStream = (stream: string, at: SettingPath, key: boolean): Problem[] =>
    names.includes(stream)
      ? []
      : [
          problem(check, {
            path: at,
            at: key ? 'key' : 'value',
            word: stream,
            known: names,
            message: 'no source feeds this stream',
          }),
        ]
  return [
    ...unknownStream(side.stream, [...path, 'stream'], false),
    ...side.joins.flatMap((join) => {
      const at = [...path, 'join', join.stream]
      if (join.stream === side.stream) {
        return [
          check.document.problem({ path: at, at: 'key', message: 'a stream cannot be joined with itself' }),
        ]
      }
      return [
        ...unknownStream(join.stream, at, true),
        ...unknownColumn(check, at, { stream: side.stream, column: join.column }),
        ...unknownColumn(check, at, { stream: join.stream, column: join.joinedColumn }),
        ...notTheKey(check, at, join),
      ]
    }),
    ...Object.entries(side.fields).flatMap(([field, from]) => {
      const at = [...path, 'fields', field]
      const joined = [side.stream, ...side.joins.map((join) => join.stream)]
      return joined.includes(from.stream)
        ? unknownColumn(check, at, from)
        : [
            problem(check, {
              path: at,
              word: from.stream,
              known: joined,
              message: 'this stream is not joined',
            }),
          ]
    }),
  ]
}

function unknownColumn(
  check: MatchCheck,
  path: SettingPath,
  of: { stream: string; column: string },
): Problem[] {
  const known = check.streams.find(({ name }) => name === of.stream)?.columns ?? null
  if (known === null || known.includes(of.column)) return []
  return [problem(check, { path, word: of.column, known, message: `the stream has no such column` })]
}

function notTheKey(
  check: MatchCheck,
  path: SettingPath,
  join: { stream: string; joinedColumn: string },
): Problem[] {
  const key = check.streams.find(({ name }) => name === join.stream)?.key ?? null
  if (key === null || (key.length === 1 && key[0] === join.joinedColumn)) return []
  const shown = check.document.showable(key).join(', ')
  return [check.document.problem({ path, message: `must join on the key of the joined stream: ${shown}` })]
}

function checkPrefixes({ name, document }: MatchCheck, left: SideConfig, right: SideConfig): Problem[] {
  if (left.prefix !== right.prefix) return []
  const path = ['matches', name, 'right', 'prefix']
  return [document.problem({ path, message: 'must differ from the prefix of the left side' })]
}

/** Block, compare, single and activity speak of fields; each needs both sides, or it could never agree. */
function checkFields(check: MatchCheck, left: SideConfig, right: SideConfig): Problem[] {
  const path = ['matches', check.name]
  const both = Object.keys(left.fields).filter((field) => Object.hasOwn(right.fields, field))
  const used = fieldsUsed(check, path)
  const problems: Problem[] = []
  const mentioned = new Set<string>()
  const absent = new Map<string, string[]>()
  for (const { field, at, key } of used) {
    if (both.includes(field)) continue
    mentioned.add(pathKey(at))
    const section = at[2]
    if (valueAt(check.document.value, at) === undefined && typeof section === 'string') {
      // The shipped model asks for it; nothing in the file does.
      absent.set(section, [...new Set([...(absent.get(section) ?? []), field])])
      continue
    }
    const side = !Object.hasOwn(left.fields, field) ? 'left' : 'right'
    problems.push(
      problem(check, {
        path: at,
        at: key ? 'key' : 'value',
        word: field,
        known: both,
        message: `must be a field of both sides; the ${side} one does not have it`,
      }),
    )
  }
  for (const [section, fields] of absent) {
    const message = `needs ${section}, or the fields of the shipped model on both sides; not there: ${fields.join(', ')}`
    problems.push(check.document.problem({ path, at: 'key', message }))
  }
  if (absent.size > 0) return problems
  return [...problems, ...uncomparedByShipped(check), ...modelProblems(check, both, mentioned)]
}

/** A `compare` in the file is the whole of it; what the shipped blocking takes of its fields is written nowhere. */
function uncomparedByShipped({ name, settings, document }: MatchCheck): Problem[] {
  const path = ['matches', name]
  if (valueAt(document.value, [...path, 'block']) !== undefined) return []
  const parts = settings.block.flatMap(({ key, common }) => [...key, ...(common?.longer.flat() ?? [])])
  const missing = [...new Set(parts.map(partField))].filter(
    (field) => !Object.hasOwn(settings.compare, field),
  )
  if (missing.length === 0) return []
  const message = `takes the place of the whole shipped compare, and the shipped block needs these fields, too: ${missing.join(', ')}; compare them, or set block`
  return [document.problem({ path: [...path, 'compare'], at: 'key', message })]
}

/** What the model itself cannot work with, but for what was already said. */
function modelProblems(
  { name, settings, document }: MatchCheck,
  fields: readonly string[],
  mentioned: ReadonlySet<string>,
): Problem[] {
  const shipsBlock = valueAt(document.value, ['matches', name, 'block']) === undefined
  const told = new Set<string>()
  return planModel(settings, fields).problems.flatMap(({ path, message }) => {
    if (shipsBlock && path[0] === 'block') {
      // The part is not in the file. What is: the kind of its field, which several parts may find wanting.
      const part = valueAt(settings, path)
      const field = typeof part === 'string' ? partField(part) : ''
      const id = pathKey([field, message])
      if (!Object.hasOwn(settings.compare, field) || told.has(id)) return []
      told.add(id)
      const at = ['matches', name, 'compare', field]
      return [
        document.problem({ path: at, message: `the shipped block takes ${String(part)}, but ${message}` }),
      ]
    }
    const [section, index, key, ...rest] = path
    const full = ['matches', name, ...path]
    const isShort = section === 'block' && Array.isArray(valueAt(document.value, full.slice(0, 4)))
    const at = isShort && key === 'key' ? ['matches', name, section, index ?? 0, ...rest] : full
    return mentioned.has(pathKey(at)) ? [] : [document.problem({ path: at, message })]
  })
}

interface FieldUse {
  readonly field: string
  readonly at: SettingPath
  /** Whether the field is named by a key, not by a value. */
  readonly key?: boolean
}

const partField = (part: string): string => part.split('.')[0] ?? part

function fieldsUsed({ settings, document }: MatchCheck, path: SettingPath): FieldUse[] {
  const inBlock = settings.block.flatMap((pass, index) => {
    const base = [...path, 'block', index]
    const keyPath = Array.isArray(valueAt(document.value, base)) ? base : [...base, 'key']
    return [
      ...pass.key.map((part, place) => ({ field: partField(part), at: [...keyPath, place] })),
      ...(pass.common?.longer ?? []).flatMap((longer, row) =>
        longer.map((part, place) => ({
          field: partField(part),
          at: [...base, 'common', 'longer', row, place],
        })),
      ),
    ]
  })
  const swapped = settings.swapped === false ? [] : (settings.swapped?.fields ?? [])
  return [
    ...inBlock,
    ...swapped.map((field, index) => ({ field, at: [...path, 'swapped', 'fields', index] })),
    ...Object.keys(settings.compare).map((field) => ({ field, at: [...path, 'compare', field], key: true })),
    ...settings.single.map((field, index) => ({ field, at: [...path, 'single', index] })),
    ...(settings.activity ? [{ field: settings.activity.column, at: [...path, 'activity', 'column'] }] : []),
  ]
}

interface Reference {
  readonly path: SettingPath
  readonly at?: 'key' | 'value'
  readonly word: string
  readonly known: readonly string[]
  readonly message: string
}

/** What came from the environment is not compared with what is known: the nearest word would tell of it. */
function problem({ document }: MatchCheck, { path, at, word, known, message }: Reference): Problem {
  const hidden = document.provenance.has(pathKey(path))
  return document.problem({
    path,
    message: hidden ? message : `${message}; ${suggestion(word, document.showable(known))}`,
    ...(at && { at }),
  })
}
