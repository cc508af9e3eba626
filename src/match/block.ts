import { mix, type Lanes } from '../runtime/cyrb53.ts'
import { hashPart } from './hash-part.ts'
import type { KeyPart, Prepared } from './prepare.ts'

/** Where a blocking pass takes a part of its key from: a field and a slot of its values' key parts. */
export interface PartPlace {
  readonly field: number
  readonly slot: number
}

export interface Pass {
  readonly parts: readonly PartPlace[]
  /** The first two parts may stand in either order, so that exchanged names share the key. */
  readonly unordered: boolean
  /** Keys whose parts are together less rare than `below` (milli-bits) take each of these longer forms instead. */
  readonly common: { readonly below: number; readonly longer: readonly (readonly PartPlace[])[] } | null
}

/** A key in the making: its hash so far and how rare its parts are together, in both orders of exchanged fields. */
interface Growing extends Lanes {
  readonly rarity: number
  readonly exchanged: number
}

/** Order matters, so (ab, c) and (a, bc), or (a, b) and (b, a), are different keys. */
function append(key: Growing, part: KeyPart): Growing {
  return {
    lane1: Math.imul(((key.lane1 << 13) | (key.lane1 >>> 19)) ^ part.lane1, 2246822507),
    lane2: Math.imul(((key.lane2 << 15) | (key.lane2 >>> 17)) ^ part.lane2, 3266489909),
    rarity: key.rarity + part.rarity,
    exchanged: key.exchanged + part.exchanged,
  }
}

/** Both lanes mixed into one safe integer of 53 bits, 0 to 2^53 − 1. */
function finish({ lane1, lane2 }: Lanes): number {
  const mixed = { lane1, lane2 }
  mix(mixed)
  const low = mixed.lane1 ^ (mixed.lane1 >>> 16)
  const high = mixed.lane2 ^ (mixed.lane2 >>> 16)
  return 4294967296 * (2097151 & high) + (low >>> 0)
}

export interface CompiledPass extends Pass {
  readonly start: Growing
  /** `common.longer` with a mark each, so that no two forms of a key are the same. */
  readonly longer: readonly { readonly mark: KeyPart; readonly parts: readonly PartPlace[] }[]
}

/** `number`: the place of the pass in its model, from 0. Every pass starts from a hash of its own. */
export function compilePass(pass: Pass, number: number): CompiledPass {
  const markOf = (text: string): KeyPart => ({ text, ...hashPart(text), rarity: 0, exchanged: 0 })
  return {
    ...pass,
    start: markOf(`pass ${number}`),
    longer: (pass.common?.longer ?? []).map((parts, i) => ({ mark: markOf(`longer ${i}`), parts })),
  }
}

/**
 * The blocking keys of a record over all passes, distinct. Two records are a candidate pair when they share one.
 * A collision (2^-53 per pair of different keys) only adds a candidate. A pass with a missing part gives no key.
 */
export function blockingKeys(passes: readonly CompiledPass[], record: Prepared): number[] {
  const keys: number[] = []
  for (const pass of passes) {
    for (const key of growAll(record, pass)) {
      if (!isCommon(pass, key)) {
        addKey(keys, key)
        continue
      }
      for (const { mark, parts } of pass.longer) {
        for (const longer of grow(record, parts, [append(key, mark)])) addKey(keys, longer)
      }
    }
  }
  return keys
}

function addKey(keys: number[], key: Lanes): void {
  const number = finish(key)
  if (!keys.includes(number)) keys.push(number)
}

function growAll(record: Prepared, { parts, unordered, start }: CompiledPass): readonly Growing[] {
  if (!unordered) return grow(record, parts, [start])
  const grown: Growing[] = []
  for (const first of partsAt(record, parts[0])) {
    for (const second of partsAt(record, parts[1])) {
      const inOrder = first.text <= second.text
      grown.push(append(append(start, inOrder ? first : second), inOrder ? second : first))
    }
  }
  return parts.length === 2 ? grown : grow(record, parts.slice(2), grown)
}

/** Every key continued by every choice of one key part per place; none when a place has none. */
function grow(record: Prepared, places: readonly PartPlace[], keys: readonly Growing[]): readonly Growing[] {
  let grown = keys
  for (const place of places) {
    const next: Growing[] = []
    for (const key of grown) for (const part of partsAt(record, place)) next.push(append(key, part))
    grown = next
  }
  return grown
}

const nothing: readonly KeyPart[] = []

function partsAt(record: Prepared, place: PartPlace | undefined): readonly KeyPart[] {
  return place === undefined ? nothing : (record.values[place.field]?.keyParts[place.slot] ?? nothing)
}

/** The same for both orders of an unordered pass, so that exchanged names take keys of the same form. */
function isCommon({ common, unordered }: Pass, { rarity, exchanged }: Growing): boolean {
  return common !== null && (unordered ? Math.min(rarity, exchanged) : rarity) < common.below
}
