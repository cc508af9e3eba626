import { decide, type Decidable } from './decidable.ts'
import { addNoise, type Noisy, type VendorFields } from './noise.ts'
import { givenNames, surnames } from './names.ts'
import { makePeople, type People } from './people.ts'
import { purposes, Random } from './random.ts'
import type {
  InternalTruth,
  InternalUser,
  Practice,
  Truth,
  VendorOrder,
  VendorTruth,
  VendorUser,
  VendorUsers,
} from './records.ts'
import {
  days,
  internalClassifications,
  platforms,
  specialties,
  towns,
  vendorClassifications,
} from './tables.ts'
import { sortVendor } from './vendor-order.ts'

export interface GenerateOptions {
  /** How many users the MySQL table has. */
  readonly internal: number
  /** How many users the vendor has; at most `internal`. */
  readonly vendor: number
  /** Whether vendor users are misspelt, moved, missing …; see `noise.ts`. Default: clean. */
  readonly dirty?: boolean
  readonly seed?: number
}

/** How many people on both sides were active on both at about the same time: it makes the two platforms correlate. */
const sharedHabitRate = 0.35

/**
 * Two sides of one made-up population, and who is who. Only compact arrays of numbers are kept (about 20 bytes a
 * user); records are made when they are asked for, each a pure function of the seed and its number, so the same
 * options give the same bytes on any machine.
 *
 * Clean: (first name, last name, location, specialty) is unique on each side, and every vendor user has exactly one
 * internal counterpart with the same four. Dirty: people are drawn freely, and vendor users carry the noise of
 * `noise.ts`. Throws a `RangeError` for sizes that cannot be made.
 */
export function generate({ internal, vendor, dirty = false, seed = 1 }: GenerateOptions): GeneratedData {
  if (!Number.isSafeInteger(internal) || !Number.isSafeInteger(vendor) || vendor < 0 || internal < vendor) {
    throw new RangeError(
      'sizes are whole numbers, and the vendor has at most as many users as the internal side',
    )
  }
  const random = new Random(seed)
  return new GeneratedData(random, makePeople({ random, internal, vendor, dirty }), dirty)
}

export class GeneratedData {
  readonly internalCount: number
  readonly vendorCount: number
  readonly dirty: boolean
  readonly #random: Random
  readonly #people: People

  constructor(random: Random, people: People, dirty: boolean) {
    this.#random = random
    this.#people = people
    this.dirty = dirty
    this.internalCount = people.internal.id.length
    this.vendorCount = people.vendor.id.length
  }

  *practices(): Generator<Practice> {
    for (const [place, location] of towns.entries()) {
      yield { id: place + 1, name: `generic_clinic_${place}`, location }
    }
  }

  /** By rising id. */
  *internalUsers(): Generator<InternalUser> {
    for (let index = 0; index < this.internalCount; index++) yield this.#internalUser(index)
  }

  /** The vendor's users in one of the orders the API has had; a page costs only its own users. */
  vendorUsers(order: VendorOrder = 'surname'): VendorUsers {
    const { id } = this.#people.vendor
    const sorted = sortVendor({ order, id, surname: (index) => this.#noisy(index).fields.lastname })
    const users = iterable(sorted.length, (place) => this.#vendorUser(at(sorted, place)))
    return {
      [Symbol.iterator]: () => users[Symbol.iterator](),
      length: sorted.length,
      slice: (start, end) => Array.from(sorted.subarray(start, end), (index) => this.#vendorUser(index)),
    }
  }

  get truth(): Truth {
    const decidable = this.dirty ? decide(this.#people) : everybody
    return {
      vendor: iterable(this.vendorCount, (index) => this.#vendorTruth(index, decidable.vendor(index))),
      internal: iterable(this.internalCount, (index) =>
        this.#internalTruth(index, decidable.internal(index)),
      ),
    }
  }

  #internalUser(index: number): InternalUser {
    const { internal } = this.#people
    const { firstname, lastname, specialty } = nameAndSpecialty(internal, index)
    const detail = (count: number, step: number): number =>
      this.#random.below(count, purposes.internalDetail, index, step)
    return {
      id: at(internal.id, index),
      practice_id: at(internal.town, index) + 1,
      firstname,
      lastname,
      classification: internalClassifications[detail(internalClassifications.length, 1)] ?? '',
      specialty,
      platform_registered_on: platforms[detail(platforms.length, 2)] ?? '',
      last_active_date: days[detail(days.length, 0)] ?? '',
    }
  }

  #vendorUser(index: number): VendorUser {
    const { fields } = this.#noisy(index)
    return {
      firstname: fields.firstname,
      id: at(this.#people.vendor.id, index),
      last_active_date: fields.last_active_date,
      lastname: fields.lastname,
      practice_location: fields.practice_location?.replaceAll(' ', '_') ?? null,
      specialty: fields.specialty,
      user_type_classification: fields.user_type_classification,
    }
  }

  #noisy(index: number): Noisy {
    const clean = this.#cleanVendorFields(index)
    return this.dirty ? addNoise(this.#random, index, clean) : { fields: clean, kinds: [] }
  }

  #cleanVendorFields(index: number): VendorFields {
    const { vendor } = this.#people
    const random = this.#random
    const shared = random.unit(purposes.vendorDetail, index, 0) < sharedHabitRate
    const day = shared
      ? random.below(days.length, purposes.internalDetail, at(vendor.person, index), 0)
      : random.below(days.length, purposes.vendorDetail, index, 1)
    const classification = random.below(vendorClassifications.length, purposes.vendorDetail, index, 2)
    return {
      ...nameAndSpecialty(vendor, index),
      practice_location: towns[at(vendor.town, index)] ?? '',
      user_type_classification: vendorClassifications[classification] ?? '',
      last_active_date: days[day] ?? '',
    }
  }

  #vendorTruth(index: number, decidable: boolean): VendorTruth {
    const { internal, vendor } = this.#people
    const person = at(vendor.person, index)
    return {
      vendorId: at(vendor.id, index),
      internalId: person < this.internalCount ? at(internal.id, person) : null,
      decidable,
      noise: this.#noisy(index).kinds,
    }
  }

  #internalTruth(index: number, decidable: boolean): InternalTruth {
    const { id, person } = this.#people.internal
    return { internalId: at(id, index), originalId: at(id, at(person, index)), decidable }
  }
}

/** Clean data is made so. */
const everybody: Decidable = { internal: () => true, vendor: () => true }

function nameAndSpecialty(
  side: People['internal'],
  index: number,
): { firstname: string; lastname: string; specialty: string } {
  return {
    firstname: givenNames.names[at(side.first, index)] ?? '',
    lastname: surnames.names[at(side.last, index)] ?? '',
    specialty: specialties[at(side.specialty, index)] ?? '',
  }
}

function at(numbers: Readonly<Record<number, number>>, index: number): number {
  return numbers[index] ?? 0
}

function iterable<T>(count: number, record: (index: number) => T): Iterable<T> {
  return {
    *[Symbol.iterator]() {
      for (let index = 0; index < count; index++) yield record(index)
    },
  }
}
