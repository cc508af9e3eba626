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

export interface CompiledPass extends Pass {
  /** What the leading bits of its keys tell, see `finish`. */
  readonly number: number
  readonly start: Lanes
  /** `common.longer` with a mark each, so that no two forms of a key are the same. */
  readonly longer: readonly { readonly mark: Lanes; readonly parts: readonly PartPlace[] }[]
}

/** `number`: the place of the pass in its model, 0 to 31. Every pass starts from a hash of its own. */
export function compilePass(pass: Pass, number: number): CompiledPass {
  return {
    ...pass,
    number,
    start: hashPart(`pass ${number}`),
    longer: (pass.common?.longer ?? []).map((parts, i) => ({ mark: hashPart(`longer ${i}`), parts })),
  }
}

/**
 * The blocking keys of a record over all passes, distinct. Two records are a candidate pair when they share one.
 * A collision (2^-48 per pair of different keys of a pass) only adds a candidate. A pass with a missing part gives no key.
 */
export function blockingKeys(passes: readonly CompiledPass[], record: Prepared): number[] {
  const keys: number[] = []
  for (const pass of passes) {
    const { lane1, lane2 } = pass.start
    const growing: Growing = { record, pass, keys, isLonger: false }
    if (pass.unordered) growUnordered(growing)
    else grow(growing, pass.parts, 0, lane1, lane2, 0, 0)
  }
  return keys
}

/** What stays the same while the keys of a pass grow part by part. */
interface Growing {
  readonly record: Prepared
  readonly pass: CompiledPass
  readonly keys: number[]
  readonly isLonger: boolean
}

/** A lane continued by a part's. Order matters, so (ab, c) and (a, bc), or (a, b) and (b, a), are different keys. */
const append1 = (lane: number, part: Lanes): number =>
  Math.imul(((lane << 13) | (lane >>> 19)) ^ part.lane1, 2246822507)
const append2 = (lane: number, part: Lanes): number =>
  Math.imul(((lane << 15) | (lane >>> 17)) ^ part.lane2, 3266489909)

/** Both orders of the first two parts make one key. */
function growUnordered(growing: Growing): void {
  const { record, pass } = growing
  const { lane1, lane2 } = pass.start
  for (const first of partsAt(record, pass.parts[0])) {
    for (const second of partsAt(record, pass.parts[1])) {
      const [a, b] = first.text <= second.text ? [first, second] : [second, first]
      grow(
        growing,
        pass.parts,
        2,
        append1(append1(lane1, a), b),
        append2(append2(lane2, a), b),
        first.rarity + second.rarity,
        first.exchanged + second.exchanged,
      )
    }
  }
}

/**
 * Continues a key by every choice of one key part per place, from the place `at` on; there is none when a place has none.
 * The key so far, its hash and how rare its parts are together, in both orders of exchanged fields, stands in numbers:
 * every record has dozens, and objects for them were a tenth of the time of a snapshot.
 */
// eslint-disable-next-line max-params -- see above
function grow(
  growing: Growing,
  places: readonly PartPlace[],
  at: number,
  lane1: number,
  lane2: number,
  rarity: number,
  exchanged: number,
): void {
  const place = places[at]
  if (place === undefined) {
    end(growing, lane1, lane2, rarity, exchanged)
    return
  }
  for (const part of partsAt(growing.record, place)) {
    grow(
      growing,
      places,
      at + 1,
      append1(lane1, part),
      append2(lane2, part),
      rarity + part.rarity,
      exchanged + part.exchanged,
    )
  }
}

// eslint-disable-next-line max-params -- see `grow`
function end(
  { record, pass, keys, isLonger }: Growing,
  lane1: number,
  lane2: number,
  rarity: number,
  exchanged: number,
): void {
  if (isLonger || !isCommon(pass, rarity, exchanged)) {
    const key = finish(pass.number, lane1, lane2)
    if (!keys.includes(key)) keys.push(key)
    return
  }
  for (const { mark, parts } of pass.longer) {
    grow({ record, pass, keys, isLonger: true }, parts, 0, append1(lane1, mark), append2(lane2, mark), 0, 0)
  }
}

/**
 * A safe integer of 53 bits: the number of the pass in the upper 5, so that whoever finds a stored key knows which pass
 * it is of (`syncline.explain` does), below it 48 of both lanes mixed.
 */
function finish(pass: number, lane1: number, lane2: number): number {
  const mixed = { lane1, lane2 }
  mix(mixed)
  const low = mixed.lane1 ^ (mixed.lane1 >>> 16)
  const high = mixed.lane2 ^ (mixed.lane2 >>> 16)
  return 4294967296 * ((pass << 16) | (65535 & high)) + (low >>> 0)
}

const nothing: readonly KeyPart[] = []

function partsAt(record: Prepared, place: PartPlace | undefined): readonly KeyPart[] {
  return place === undefined ? nothing : (record.values[place.field]?.keyParts[place.slot] ?? nothing)
}

/** The same for both orders of an unordered pass, so that exchanged names take keys of the same form. */
function isCommon({ common, unordered }: Pass, rarity: number, exchanged: number): boolean {
  return common !== null && (unordered ? Math.min(rarity, exchanged) : rarity) < common.below
}
