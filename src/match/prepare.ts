import { doubleMetaphone } from 'double-metaphone'
import { rarityOf, type FrequencyTable } from './frequencies.ts'
import { hashPart } from './hash-part.ts'
import { letterSet } from './letter-set.ts'
import { nicknamePartners } from './nicknames.ts'
import { normalize, type FieldKind } from './normalize.ts'

/** One thing that a blocking pass may take from a value: hashed once, in two 32-bit lanes. */
export interface KeyPart {
  readonly text: string
  readonly lane1: number
  readonly lane2: number
  /** Milli-bits: how rare a record with this part is. */
  readonly rarity: number
  /** The same if the value stood in the field that this one is exchanged with; else as `rarity`. */
  readonly exchanged: number
}

/** One word of a name of several words. `rarity` in milli-bits. */
export interface NamePart {
  readonly text: string
  readonly rarity: number
}

/** A value made ready to be compared and blocked on. Immutable; shared between records. */
export interface PreparedValue {
  /** Unlike that of any other value of this field while the model lives; null when numbers are used up. */
  readonly number: number | null
  /** As normalised; preparing it again gives the same. */
  readonly text: string
  /** What equality looks at: `text` without its spaces, or the canonical name of a synonym. */
  readonly core: string
  /** 32-bit hash of `core`: different hashes spare comparing the texts. */
  readonly hash: number
  /** The set of letters of `core`, see `letterSet`. */
  readonly letters: number
  /** Names listed as a nickname of this one, or having it as theirs; null when there are none. */
  readonly nicknames: ReadonlySet<string> | null
  /** The words that may stand alone for a name of several words; else empty. */
  readonly parts: readonly NamePart[]
  /** Double-Metaphone code (Philips 2000); empty when there is none. */
  readonly sound: string
  /** Milli-bits, −1000·log2 of the share in the population; 0 for fields without a frequency table. */
  readonly rarity: number
  /** What blocking passes may take from this value, by the field's slot. */
  readonly keyParts: readonly (readonly KeyPart[])[]
}

/** A record with its fields in the model's order; null where a value is missing. */
export interface Prepared {
  readonly values: readonly (PreparedValue | null)[]
}

/** Never stand alone for a surname. */
const particles = new Set(
  'al af ap da das de del della den der des di dos du el la las le los mac mc saint san santa st ten ter van vom von y zu'.split(
    ' ',
  ),
)
const mostParts = 4

/** Normalised synonym → canonical value, both as `core` has them. */
export type Synonyms = ReadonlyMap<string, string>

/** Canonical value → other ways to say it, as configured, made ready to be looked up. */
export function compileSynonyms(groups: Readonly<Record<string, readonly string[]>>): Synonyms {
  const synonyms = new Map<string, string>()
  for (const [canonical, others] of Object.entries(groups)) {
    const target = coreOf(canonical)
    for (const other of [canonical, ...others]) synonyms.set(coreOf(other), target)
  }
  return synonyms
}

function coreOf(raw: string): string {
  return (normalize('category', raw) ?? '').replaceAll(' ', '')
}

export interface PreparationOptions {
  readonly kind: FieldKind
  readonly table: FrequencyTable | null
  readonly synonyms: Synonyms
  /** Of the next value, see `PreparedValue`; none has a number unless this is given. */
  readonly nextNumber?: () => number | null
  /** What each slot takes from a value; there are no slots unless it is given. */
  readonly keyParts?: (value: Taken) => readonly (readonly KeyPart[])[]
}

/** What key parts are taken from. */
export type Taken = Pick<PreparedValue, 'core' | 'parts' | 'sound'>

/** Null when nothing is left of the raw value. */
export function prepareValue(
  raw: string,
  { kind, table, synonyms, nextNumber = () => null, keyParts = () => [] }: PreparationOptions,
): PreparedValue | null {
  const text = normalize(kind, raw)
  if (text === null) return null
  const joined = text.includes(' ') && kind !== 'text' ? text.replaceAll(' ', '') : text
  const core = synonyms.get(joined) ?? joined
  const isName = kind === 'given-name' || kind === 'surname'
  const parts = isName ? nameParts(text, table) : []
  const sound = isName ? soundOf(joined) : ''
  return {
    number: nextNumber(),
    text,
    core,
    hash: hashPart(core).lane1,
    letters: letterSet(core),
    nicknames: kind === 'given-name' ? nicknamePartners(core) : null,
    parts,
    sound,
    rarity: table === null ? 0 : rarityOf(table, joined),
    keyParts: keyParts({ core, parts, sound }),
  }
}

function nameParts(text: string, table: FrequencyTable | null): NamePart[] {
  if (!text.includes(' ')) return []
  const words = text.split(' ').filter((word) => word.length > 1 && !particles.has(word))
  return [...new Set(words)]
    .slice(0, mostParts)
    .map((word) => ({ text: word, rarity: table === null ? 0 : rarityOf(table, word) }))
}

/** The primary code only: the secondary ones double the keys and find hardly any pair more. */
export function soundOf(core: string): string {
  return doubleMetaphone(core)[0]
}
