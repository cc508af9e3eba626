import { duplicateRate, noCounterpartRate } from './noise.ts'
import { givenNames, surnames } from './names.ts'
import { purposes, type Purpose, type Random } from './random.ts'
import { specialties, towns } from './tables.ts'
import { TupleTable } from './tuple-table.ts'

/** One side as columns: the places of a record's four fields in their tables, and whose record it is. */
export interface Side {
  readonly id: Int32Array
  readonly first: Uint16Array
  readonly last: Uint16Array
  readonly town: Uint8Array
  readonly specialty: Uint8Array
  /**
   * The person: the index of their first internal record, or beyond all of these for vendor users who have no
   * counterpart.
   */
  readonly person: Int32Array
}

export interface People {
  readonly internal: Side
  readonly vendor: Side
}

export interface PeopleOptions {
  readonly random: Random
  readonly internal: number
  readonly vendor: number
  readonly dirty: boolean
}

/** Draws who there is on both sides, before any noise. */
export function makePeople(options: PeopleOptions): People {
  const internal = makeInternal(options)
  return { internal, vendor: makeVendor(options, internal) }
}

/** The four fields of a record as one number. */
export function tupleOf({ first, last, town, specialty }: Side, index: number): number {
  const name = (first[index] ?? 0) * surnames.names.length + (last[index] ?? 0)
  return (name * towns.length + (town[index] ?? 0)) * specialties.length + (specialty[index] ?? 0)
}

function makeInternal({ random, internal, dirty }: PeopleOptions): Side {
  const side = emptySide(internal)
  fillIds(side, random, purposes.internalId)
  const taken = dirty ? null : new TupleTable(internal)
  for (let index = 0; index < internal; index++) {
    if (dirty && index > 0 && random.unit(purposes.internalDuplicate, index) < duplicateRate) {
      const original = side.person[random.below(index, purposes.internalDuplicate, index, 1)] ?? 0
      copyPerson(side, original, { into: side, index })
    } else {
      drawPerson({ side, index, random, purpose: purposes.internalPerson, taken })
      side.person[index] = index
    }
  }
  return side
}

function makeVendor({ random, internal: internalCount, vendor, dirty }: PeopleOptions, internal: Side): Side {
  const side = emptySide(vendor)
  fillIds(side, random, purposes.vendorId)
  const counterpart = counterparts(internal, random)
  for (let index = 0; index < vendor; index++) {
    if (dirty && index > 0 && random.unit(purposes.vendorDuplicate, index) < duplicateRate) {
      copyPerson(side, random.below(index, purposes.vendorDuplicate, index, 1), { into: side, index })
      continue
    }
    const alone = dirty && random.unit(purposes.vendorCounterpart, index, 1) < noCounterpartRate
    const person = alone ? undefined : counterpart.next().value
    if (person === undefined) {
      drawPerson({ side, index, random, purpose: purposes.vendorPerson, taken: null })
      side.person[index] = internalCount + index
    } else {
      copyPerson(internal, person, { into: side, index })
    }
  }
  return side
}

/** The internal people in random order (Fisher–Yates), as far as they are asked for. */
function* counterparts(internal: Side, random: Random): Generator<number, undefined> {
  const pool = internal.person.filter((person, index) => person === index)
  for (let next = 0; next < pool.length; next++) {
    const chosen = next + random.below(pool.length - next, purposes.vendorCounterpart, next)
    const person = pool[chosen] ?? 0
    pool[chosen] = pool[next] ?? 0
    yield person
  }
}

function emptySide(count: number): Side {
  return {
    id: new Int32Array(count),
    first: new Uint16Array(count),
    last: new Uint16Array(count),
    town: new Uint8Array(count),
    specialty: new Uint8Array(count),
    person: new Int32Array(count),
  }
}

/** Rising ids with gaps, as an auto-increment column has after deletions: the largest is well above the count. */
function fillIds({ id }: Side, random: Random, purpose: Purpose): void {
  let last = 0
  for (let index = 0; index < id.length; index++) {
    const gap = random.unit(purpose, index) < 0.03 ? 1 + random.below(9, purpose, index, 1) : 0
    last += 1 + gap
    id[index] = last
  }
}

function copyPerson(from: Side, person: number, { into, index }: { into: Side; index: number }): void {
  into.first[index] = from.first[person] ?? 0
  into.last[index] = from.last[person] ?? 0
  into.town[index] = from.town[person] ?? 0
  into.specialty[index] = from.specialty[person] ?? 0
  into.person[index] = from.person[person] ?? 0
}

interface DrawOptions {
  readonly side: Side
  readonly index: number
  readonly random: Random
  readonly purpose: Purpose
  /** When given, the four fields are made to be unique in it. */
  readonly taken: TupleTable | null
}

/** A taken person tries other places first, so that common names stay as common as they are. */
const placesPerName = 32
const mostNames = 64

function drawPerson({ side, index, random, purpose, taken }: DrawOptions): void {
  for (let name = 0; name < mostNames; name++) {
    side.first[index] = givenNames.pick(random.unit(purpose, index, name * 2))
    side.last[index] = surnames.pick(random.unit(purpose, index, name * 2 + 1))
    for (let place = 0; place < placesPerName; place++) {
      const step = 128 + (name * placesPerName + place) * 2
      side.town[index] = random.below(towns.length, purpose, index, step % 4096)
      side.specialty[index] = random.below(specialties.length, purpose, index, (step + 1) % 4096)
      if (taken?.add(tupleOf(side, index)) ?? true) return
    }
  }
  throw new RangeError(`there are not enough different people for ${index + 1} unique users`)
}
