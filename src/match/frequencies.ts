import givenNames from './data/given-names.json' with { type: 'json' }
import surnames from './data/surnames.json' with { type: 'json' }

/**
 * How often the values of a field occur in the population, frozen per model version. `shares` maps a normalised
 * value without its spaces to its share (0 to 1); a value that is not in it has `unknownShare`.
 */
export interface FrequencyTable {
  readonly version: string
  readonly shares: ReadonlyMap<string, number>
  readonly unknownShare: number
}

/** Buckets are half a bit wide: a factor of 1.41 in frequency. */
const bucketMilliBits = 500

/** The rarity of a value with this share in milli-bits, −1000·log2(share), rounded to its bucket. */
export function rarity(share: number): number {
  return Math.round((-1000 * Math.log2(share)) / bucketMilliBits) * bucketMilliBits
}

export function rarityOf(table: FrequencyTable, value: string): number {
  return rarity(table.shares.get(value) ?? table.unknownShare)
}

/** The chance that two random people agree on the field: what a level's `u` is without term frequencies. */
export function chanceAgreement(table: FrequencyTable): number {
  let sum = 0
  for (const share of table.shares.values()) sum += share * share
  return sum
}

/** US census of 1990; the share of an unlisted name is about that of the rarest listed ones. */
export const censusSurnames: FrequencyTable = {
  version: 'us-census-1990-surnames-5000',
  shares: sharesOf(surnames),
  unknownShare: 5e-6,
}

export const censusGivenNames: FrequencyTable = {
  version: 'us-census-1990-given-names-1000',
  shares: sharesOf(givenNames),
  unknownShare: 1e-5,
}

function sharesOf(list: readonly (readonly (string | number)[])[]): ReadonlyMap<string, number> {
  return new Map(list.map(([name, share]) => [String(name), Number(share)]))
}
