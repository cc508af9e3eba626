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

interface Lanes {
  readonly lane1: number
  readonly lane2: number
}

/** Ends the text of a part: a control character, which normalised text never holds. */
const separator = 0x1f

/**
 * Hashes one part in two 32-bit lanes, as cyrb53 (public domain) does: two multiplicative hashes with different
 * constants, over UTF-16 units and a closing separator.
 */
export function hashPart(text: string): Lanes {
  let lane1 = 0xdeadbeef
  let lane2 = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    lane1 = Math.imul(lane1 ^ unit, 2654435761)
    lane2 = Math.imul(lane2 ^ unit, 1597334677)
  }
  return {
    lane1: Math.imul(lane1 ^ separator, 2654435761),
    lane2: Math.imul(lane2 ^ separator, 1597334677),
  }
}

function startOf(pass: number, form: number): Lanes {
  return hashPart(`${pass}/${form}`)
}

/** Order matters, so (ab, c) and (a, bc), or (a, b) and (b, a), are different keys. */
function append(lanes: Lanes, part: Lanes): Lanes {
  return {
    lane1: Math.imul(((lanes.lane1 << 13) | (lanes.lane1 >>> 19)) ^ part.lane1, 2246822507),
    lane2: Math.imul(((lanes.lane2 << 15) | (lanes.lane2 >>> 17)) ^ part.lane2, 3266489909),
  }
}

/** cyrb53's finish: both lanes mixed into one safe integer of 53 bits, 0 to 2^53 − 1. */
function finish({ lane1, lane2 }: Lanes): number {
  let a = Math.imul(lane1 ^ (lane1 >>> 16), 2246822507) ^ Math.imul(lane2 ^ (lane2 >>> 13), 3266489909)
  let b = Math.imul(lane2 ^ (lane2 >>> 16), 2246822507) ^ Math.imul(lane1 ^ (lane1 >>> 13), 3266489909)
  a ^= a >>> 16
  b ^= b >>> 16
  return 4294967296 * (2097151 & b) + (a >>> 0)
}

/**
 * The blocking keys of a record over all passes, distinct. Two records are a candidate pair when they share one.
 * A collision (2^-53 per pair of different keys) only adds a candidate. A pass with a missing part gives no key.
 */
export function blockingKeys(passes: readonly Pass[], record: Prepared): number[] {
  const keys: number[] = []
  for (let i = 0; i < passes.length; i++) {
    const pass = passes[i]
    if (pass !== undefined) addPassKeys(keys, record, pass, i)
  }
  return keys.length < 2 ? keys : [...new Set(keys)]
}

function addPassKeys(keys: number[], record: Prepared, pass: Pass, number: number): void {
  forEachChoice(record, pass.parts, [], (chosen) => {
    const ordered = pass.unordered ? inTextOrder(chosen) : chosen
    if (pass.common === null || totalRarity(chosen, pass.unordered) >= pass.common.below) {
      keys.push(finish(ordered.reduce(append, startOf(number, 0))))
      return
    }
    pass.common.longer.forEach((more, form) => {
      forEachChoice(record, more, [], (added) => {
        keys.push(finish(added.reduce(append, ordered.reduce(append, startOf(number, form + 1)))))
      })
    })
  })
}

/** Every way to choose one key part per place; none when a place has none. */
function forEachChoice(
  record: Prepared,
  places: readonly PartPlace[],
  chosen: readonly KeyPart[],
  use: (chosen: readonly KeyPart[]) => void,
): void {
  const place = places[chosen.length]
  if (place === undefined) {
    use(chosen)
    return
  }
  for (const part of record.values[place.field]?.keyParts[place.slot] ?? []) {
    forEachChoice(record, places, [...chosen, part], use)
  }
}

function inTextOrder(chosen: readonly KeyPart[]): readonly KeyPart[] {
  const [first, second, ...rest] = chosen
  if (first === undefined || second === undefined || first.text <= second.text) return chosen
  return [second, first, ...rest]
}

/** The same for both orders of an unordered pass, so that exchanged names take keys of the same form. */
function totalRarity(chosen: readonly KeyPart[], unordered: boolean): number {
  let total = 0
  let exchanged = 0
  chosen.forEach((part, i) => {
    total += part.rarity
    exchanged += i < 2 ? part.exchanged : part.rarity
  })
  return unordered ? Math.min(total, exchanged) : total
}
