import { hashPart } from './hash-part.ts'
import { rarity, rarityOf, type FrequencyTable } from './frequencies.ts'
import { Memo } from './memo.ts'
import { formalNames } from './nicknames.ts'
import type { FieldKind } from './normalize.ts'
import { soundOf, type KeyPart, type Taken } from './prepare.ts'

/** What a blocking pass may take from a field instead of its whole value. */
export const transforms = ['whole', 'part', 'sound', 'nickname', 'initial', 'prefix', 'year'] as const
export type Transform = (typeof transforms)[number]

/** The transforms that make sense for a kind of field, beside `whole`. */
export const transformsOf: Readonly<Record<FieldKind, readonly Transform[]>> = {
  'given-name': ['whole', 'part', 'sound', 'nickname', 'initial', 'prefix'],
  surname: ['whole', 'part', 'sound', 'nickname', 'initial', 'prefix'],
  place: ['whole', 'initial', 'prefix'],
  category: ['whole'],
  date: ['whole', 'year'],
  text: ['whole', 'initial', 'prefix'],
}

/** Letters and digits. Three letters rather than four leave more typos behind the prefix: recall +0.001 for 2 more pairs a record. */
const prefixLength = 3
const yearLength = 4

const take: Readonly<Record<Transform, (value: Taken) => readonly string[]>> = {
  whole: (value) => [value.core],
  part: (value) => [...new Set([value.core, ...value.parts.map(({ text }) => text)])],
  sound: (value) => (value.sound === '' ? [] : [value.sound]),
  nickname: (value) => [
    ...new Set([value.core, ...value.parts.map(({ text }) => text)].flatMap(formalNames)),
  ],
  initial: (value) => [String.fromCodePoint(value.core.codePointAt(0) ?? 0)],
  prefix: (value) => [value.core.slice(0, prefixLength)],
  year: (value) => [value.core.slice(0, yearLength)],
}

/** Transforms that take names as they are; the others take classes of names. */
const takesNames: ReadonlySet<Transform> = new Set(['whole', 'part', 'nickname'])

/** Classes remembered per transform; there are 26 initials and some thousand prefixes and sounds. */
const rememberedClasses = 2_048

export interface KeyPartOptions {
  /** One for each slot. */
  readonly transforms: readonly Transform[]
  readonly table: FrequencyTable | null
  /** The table of the field that this one may be exchanged with. */
  readonly exchangedTable: FrequencyTable | null
  /** Milli-bits that a value brings when there is no table. */
  readonly defaultRarity: number
}

/**
 * value → the key parts that each transform takes from it. Pure. What values have in common is one object, as is what
 * several transforms take from most of them, a name of one word: so a remembered value takes half as much memory.
 */
export function keyPartsOf({
  transforms,
  ...options
}: KeyPartOptions): (value: Taken) => readonly (readonly KeyPart[])[] {
  const slots = transforms.map((transform) => {
    const partOf = partFunction(transform, options)
    const classes = new Memo((text): readonly KeyPart[] => [partOf(text)], rememberedClasses)
    return { transform, partOf, classes }
  })
  return (value) => {
    let whole: readonly KeyPart[] | null = null
    return slots.map(({ transform, partOf, classes }) => {
      const texts = take[transform](value)
      const [only] = texts
      if (only === undefined || texts.length > 1) return texts.map(partOf)
      if (!takesNames.has(transform)) return classes.get(only)
      return only === value.core ? (whole ??= [partOf(only)]) : [partOf(only)]
    })
  }
}

function partFunction(
  transform: Transform,
  { table, exchangedTable, defaultRarity }: Omit<KeyPartOptions, 'transforms'>,
): (text: string) => KeyPart {
  const rarityIn = rarityFunction(transform, table, defaultRarity)
  const exchangedIn = exchangedTable === null ? rarityIn : rarityFunction(transform, exchangedTable, 0)
  return (text) => {
    const { lane1, lane2 } = hashPart(text)
    // Each member named: what is spread into an object stands outside of it, a look farther away.
    return { text, lane1, lane2, rarity: rarityIn(text), exchanged: exchangedIn(text) }
  }
}

function rarityFunction(
  transform: Transform,
  table: FrequencyTable | null,
  defaultRarity: number,
): (text: string) => number {
  if (table === null) return () => defaultRarity
  if (takesNames.has(transform)) {
    return (text) => rarityOf(table, text)
  }
  const classes = classRarities(transform, table)
  const unknown = rarity(table.unknownShare)
  return (text) => classes.get(text) ?? unknown
}

/** All names with one sound (or initial, or prefix) are as common as their shares together. */
function classRarities(transform: Transform, table: FrequencyTable): ReadonlyMap<string, number> {
  const shares = new Map<string, number>()
  for (const [name, share] of table.shares) {
    const value = { core: name, parts: [], sound: soundOf(name) }
    for (const text of take[transform](value)) shares.set(text, (shares.get(text) ?? 0) + share)
  }
  return new Map([...shares].map(([text, share]) => [text, rarity(share)]))
}
