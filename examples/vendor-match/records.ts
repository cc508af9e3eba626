/** A row of the MySQL table `user`. Dates are `YYYY-MM-DD`. */
export interface InternalUser {
  readonly id: number
  readonly practice_id: number
  readonly firstname: string
  readonly lastname: string
  readonly classification: string
  readonly specialty: string
  /** Despite its name, the platform: `mobile` or `website`. */
  readonly platform_registered_on: string
  readonly last_active_date: string
}

/** A row of the MySQL table `user_practice`. */
export interface Practice {
  readonly id: number
  readonly name: string
  readonly location: string
}

/** A user as the vendor's API gives it, its keys in the order of the API. Null: missing. */
export interface VendorUser {
  readonly firstname: string | null
  readonly id: number
  readonly last_active_date: string | null
  readonly lastname: string | null
  /** With underscores for spaces. */
  readonly practice_location: string | null
  readonly specialty: string | null
  readonly user_type_classification: string | null
}

/** The vendor's users in the order of the API. An array is one; a generated one makes each user when asked. */
export interface VendorUsers extends Iterable<VendorUser> {
  readonly length: number
  slice(start: number, end: number): VendorUser[]
}

/** The orders that the API is known to have had: by surname then id, or by id within the surname's first letter. */
export const vendorOrders = ['surname', 'first-letter', 'id'] as const
export type VendorOrder = (typeof vendorOrders)[number]

/** What dirty data does to a vendor user. */
export const noiseKinds = [
  'harmless',
  'first-name-typo',
  'surname-typo',
  'nickname',
  'other-surname',
  'surname-form',
  'swapped-names',
  'moved',
  'specialty-synonym',
  'missing-field',
] as const
export type NoiseKind = (typeof noiseKinds)[number]

export interface VendorTruth {
  readonly vendorId: number
  /** The internal record of the same person, the first one if there are duplicates; null: no counterpart. */
  readonly internalId: number | null
  /** Whether the four fields, before any noise, tell this person from everybody else on both sides. */
  readonly decidable: boolean
  readonly noise: readonly NoiseKind[]
}

export interface InternalTruth {
  readonly internalId: number
  /** The first record of the same person: `internalId` itself unless this one is a duplicate. */
  readonly originalId: number
  readonly decidable: boolean
}

/** Who is who. Both can be iterated any number of times. */
export interface Truth {
  readonly vendor: Iterable<VendorTruth>
  readonly internal: Iterable<InternalTruth>
}
