import { givenNames, surnames } from '../../examples/vendor-match/names.ts'
import type { GeneratedData } from '../../examples/vendor-match/generate.ts'
import type { NoiseKind } from '../../examples/vendor-match/records.ts'
import { specialties, towns } from '../../examples/vendor-match/tables.ts'

/** First name, last name, location, specialty, as a match has them. */
export type Fields = readonly [string | null, string | null, string | null, string | null]
export const fieldNames = ['first_name', 'last_name', 'location', 'specialty']

/** The internal users as columns of numbers: about 15 bytes each. */
export interface Internal {
  readonly count: number
  readonly id: Int32Array
  readonly first: Uint16Array
  readonly last: Uint16Array
  readonly town: Uint8Array
  readonly specialty: Uint8Array
  readonly day: Uint8Array
  /** The id of the first record of the same person. */
  readonly original: Int32Array
  readonly decidable: Uint8Array
}

export interface VendorRecord {
  readonly id: number
  readonly fields: Fields
  readonly day: string | null
  /** The id of the first internal record of the same person; null: there is none. */
  readonly original: number | null
  readonly decidable: boolean
  readonly noise: readonly NoiseKind[]
}

export function readInternal(data: GeneratedData): Internal {
  const count = data.internalCount
  const places = {
    first: placesOf(givenNames.names),
    last: placesOf(surnames.names),
    specialty: placesOf(specialties),
  }
  const internal = {
    count,
    id: new Int32Array(count),
    first: new Uint16Array(count),
    last: new Uint16Array(count),
    town: new Uint8Array(count),
    specialty: new Uint8Array(count),
    day: new Uint8Array(count),
    original: new Int32Array(count),
    decidable: new Uint8Array(count),
  }
  let index = 0
  for (const user of data.internalUsers()) {
    internal.id[index] = user.id
    internal.first[index] = places.first.get(user.firstname) ?? 0
    internal.last[index] = places.last.get(user.lastname) ?? 0
    internal.town[index] = user.practice_id - 1
    internal.specialty[index] = places.specialty.get(user.specialty) ?? 0
    internal.day[index] = dayNumber(user.last_active_date)
    index++
  }
  index = 0
  for (const { originalId, decidable } of data.truth.internal) {
    internal.original[index] = originalId
    internal.decidable[index++] = decidable ? 1 : 0
  }
  return internal
}

export function internalFields(internal: Internal, index: number): Fields {
  return [
    givenNames.names[internal.first[index] ?? 0] ?? null,
    surnames.names[internal.last[index] ?? 0] ?? null,
    towns[internal.town[index] ?? 0] ?? null,
    specialties[internal.specialty[index] ?? 0] ?? null,
  ]
}

export function readVendor(data: GeneratedData): VendorRecord[] {
  const truth = new Map([...data.truth.vendor].map((entry) => [entry.vendorId, entry]))
  return Array.from(data.vendorUsers('id'), (user) => {
    const known = truth.get(user.id)
    return {
      id: user.id,
      fields: [user.firstname, user.lastname, user.practice_location, user.specialty],
      day: user.last_active_date,
      original: known?.internalId ?? null,
      decidable: known?.decidable ?? false,
      noise: known?.noise ?? [],
    }
  })
}

/** Days since 2016-12-25, the first day of the data. */
export function dayNumber(date: string): number {
  return Math.round((Date.parse(date) - Date.UTC(2016, 11, 25)) / 86_400_000)
}

function placesOf(values: readonly string[]): ReadonlyMap<string, number> {
  return new Map(values.map((value, place) => [value, place]))
}
