import { givenNames, surnames } from '../../examples/vendor-match/names.ts'
import { specialties, towns } from '../../examples/vendor-match/tables.ts'
import type { Internal } from './population.ts'

/** Internal users by name and by place: places in sorted order and where each group begins. 10 bytes a user. */
export class InternalIndex {
  readonly #internal: Internal
  readonly #bySurname: Int32Array
  readonly #surnameStarts: Int32Array
  readonly #byGivenAndTown: Int32Array
  readonly #givenStarts: Int32Array
  /** How many there are by (given name, town, specialty). */
  readonly #counts: Int32Array
  readonly #totals = new Map<string, number>()

  /** `members`: places of those who are indexed. */
  constructor(internal: Internal, members: Int32Array) {
    this.#internal = internal
    const givenAndTown = (index: number): number =>
      (internal.first[index] ?? 0) * towns.length + (internal.town[index] ?? 0)
    const given = grouped(members, givenAndTown, givenNames.names.length * towns.length)
    // The sort is stable, so within a surname users stand by given name.
    const last = grouped(given.order, (index) => internal.last[index] ?? 0, surnames.names.length)
    this.#byGivenAndTown = given.order
    this.#givenStarts = given.starts
    this.#bySurname = last.order
    this.#surnameStarts = last.starts
    this.#counts = new Int32Array(givenNames.names.length * towns.length * specialties.length)
    for (const index of members) {
      const cell = givenAndTown(index) * specialties.length + (internal.specialty[index] ?? 0)
      this.#counts[cell] = (this.#counts[cell] ?? 0) + 1
    }
  }

  eachSurname(surname: number, visit: (index: number) => void): void {
    const end = this.#surnameStarts[surname + 1] ?? 0
    for (let at = this.#surnameStarts[surname] ?? 0; at < end; at++) visit(this.#bySurname[at] ?? 0)
  }

  eachNamed(given: number, surname: number, visit: (index: number) => void): void {
    const end = this.#surnameStarts[surname + 1] ?? 0
    let [low, high] = [this.#surnameStarts[surname] ?? 0, end]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#givenAt(middle) < given) low = middle + 1
      else high = middle
    }
    for (let at = low; at < end && this.#givenAt(at) === given; at++) visit(this.#bySurname[at] ?? 0)
  }

  eachAt(given: number, town: number, visit: (index: number) => void): void {
    const group = given * towns.length + town
    const end = this.#givenStarts[group + 1] ?? 0
    for (let at = this.#givenStarts[group] ?? 0; at < end; at++) visit(this.#byGivenAndTown[at] ?? 0)
  }

  /** How many have that given name, town and specialty; null: any. */
  count(wanted: {
    readonly given: number | null
    readonly town: number | null
    readonly specialty: number | null
  }): number {
    const key = [wanted.given, wanted.town, wanted.specialty].join()
    const known = this.#totals.get(key)
    if (known !== undefined) return known
    let total = 0
    for (const given of places(wanted.given, givenNames.names.length)) {
      for (const town of places(wanted.town, towns.length)) {
        for (const specialty of places(wanted.specialty, specialties.length)) {
          total += this.#counts[(given * towns.length + town) * specialties.length + specialty] ?? 0
        }
      }
    }
    this.#totals.set(key, total)
    return total
  }

  #givenAt(at: number): number {
    return this.#internal.first[this.#bySurname[at] ?? 0] ?? 0
  }
}

function places(wanted: number | null, count: number): Iterable<number> {
  return wanted === null ? Array(count).keys() : [wanted]
}

/** Counting sort, stable. */
function grouped(
  order: Int32Array,
  groupOf: (index: number) => number,
  groups: number,
): { readonly order: Int32Array; readonly starts: Int32Array } {
  const starts = new Int32Array(groups + 1)
  for (const index of order) starts[groupOf(index) + 1] = (starts[groupOf(index) + 1] ?? 0) + 1
  for (let group = 0; group < groups; group++)
    starts[group + 1] = (starts[group + 1] ?? 0) + (starts[group] ?? 0)
  const next = starts.slice()
  const sorted = new Int32Array(order.length)
  for (const index of order) {
    const at = next[groupOf(index)] ?? 0
    next[groupOf(index)] = at + 1
    sorted[at] = index
  }
  return { order: sorted, starts }
}
