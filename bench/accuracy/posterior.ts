import { noCounterpartRate, noiseRates } from '../../examples/vendor-match/noise.ts'
import { specialties, towns } from '../../examples/vendor-match/tables.ts'
import { compileSynonyms, prepareValue } from '../../src/match/prepare.ts'
import { specialtySynonyms } from '../../src/match/synonyms.ts'
import { normalize } from '../../src/match/normalize.ts'
import { givenNameChannel, plainName, surnameChannel, type NameChannel } from './channel.ts'
import { InternalIndex } from './internal-index.ts'
import { dayNumber, type Internal, type VendorRecord } from './population.ts'

/**
 * The best possible knowledge of who a vendor user is: with the noise of the example as the likelihood and all
 * internal users as rivals,
 *
 *     P(i | v) = w(v, i) / (w(v, nobody) + Σ_j w(v, j)),
 *     w(v, i) = (1 − r) / N · P(v | i),   w(v, nobody) = r · P(v),
 *
 * r the share without counterpart, N the number of internal users, P(v | i) the chance that user i is written as v,
 * P(v) that anybody is. Missing fields and synonyms are as likely either way and cancel out. The sum is over all N:
 * users who agree in too little to be candidates are counted through how many there are of each kind.
 */
export interface Posterior {
  /** By place of the vendor user: where its edges begin, and at last where they end. */
  readonly starts: Int32Array
  readonly internal: Int32Array
  /** P(i | v). */
  readonly chance: Float64Array
  /** P(v | i) / P(v), in bits: all that a score of two records alone can tell. */
  readonly evidence: Float64Array
}

export interface PosteriorOptions {
  /** Also use that the example makes 35% of people active on the same day on both platforms. */
  readonly dates: boolean
  /** Be told whom the clean fields tell apart, on both sides, and leave out all others: even as rivals. */
  readonly decidableOnly?: boolean
}

/** Fainter candidates only count in the sum. */
const faintest = 1e-3
const moved = noiseRates.moved
const swapped = noiseRates['swapped-names']

export function posteriorOf(
  internal: Internal,
  vendor: readonly VendorRecord[],
  { dates, decidableOnly = false }: PosteriorOptions,
): Posterior {
  const observations = vendor.map(observe)
  const texts = new Set(observations.flatMap(({ first, last }) => [first ?? '', last ?? '']))
  const everybody = Int32Array.from({ length: internal.count }, (_, index) => index)
  const finder = new CandidateFinder(internal, {
    members: decidableOnly ? everybody.filter((index) => internal.decidable[index] === 1) : everybody,
    given: givenNameChannel(texts),
    surname: surnameChannel(texts),
    dates,
  })
  const edges = { internal: [] as number[], chance: [] as number[], evidence: [] as number[] }
  const starts = new Int32Array(vendor.length + 1)
  observations.forEach((observation, place) => {
    starts[place] = edges.internal.length
    if (decidableOnly && vendor[place]?.decidable !== true) return
    finder.find(observation, (index, chance, evidence) => {
      edges.internal.push(index)
      edges.chance.push(chance)
      edges.evidence.push(evidence)
    })
  })
  starts[vendor.length] = edges.internal.length
  return {
    starts,
    internal: Int32Array.from(edges.internal),
    chance: Float64Array.from(edges.chance),
    evidence: Float64Array.from(edges.evidence),
  }
}

/** A vendor user as normalised; names as text, the rest as places in the example's tables. */
interface Observation {
  readonly first: string | null
  readonly last: string | null
  readonly town: number | null
  readonly specialty: number | null
  readonly day: number | null
}

const townPlaces = new Map(towns.map((town, place) => [normalize('place', town), place]))
const synonyms = compileSynonyms(specialtySynonyms)
const specialtyPlaces = new Map(specialties.map((name, place) => [coreOfSpecialty(name), place]))

function coreOfSpecialty(raw: string): string | undefined {
  return prepareValue(raw, { kind: 'category', table: null, synonyms })?.core
}

function observe({ fields: [first, last, town, specialty], day }: VendorRecord): Observation {
  return {
    first: first === null ? null : plainName(first),
    last: last === null ? null : plainName(last),
    town: town === null ? null : placeOf(townPlaces, normalize('place', town)),
    specialty: specialty === null ? null : placeOf(specialtyPlaces, coreOfSpecialty(specialty)),
    day: day === null ? null : dayNumber(day),
  }
}

function placeOf<K>(places: ReadonlyMap<K, number>, key: K): number {
  const place = places.get(key)
  if (place === undefined) throw new Error(`the tables of the example do not know ${String(key)}`)
  return place
}

type Visit = (index: number, chance: number, evidence: number) => void

interface FinderOptions {
  /** Places of the internal users who could be meant. */
  readonly members: Int32Array
  readonly given: NameChannel
  readonly surname: NameChannel
  readonly dates: boolean
}

class CandidateFinder {
  readonly #internal: Internal
  readonly #index: InternalIndex
  readonly #given: NameChannel
  readonly #surname: NameChannel
  readonly #dates: boolean
  /** How many could be meant. */
  readonly #size: number
  /** Internal user → chance of the names; emptied for each vendor user. */
  readonly #names = new Map<number, number>()

  constructor(internal: Internal, { members, given, surname, dates }: FinderOptions) {
    this.#internal = internal
    this.#index = new InternalIndex(internal, members)
    this.#size = members.length
    this.#given = given
    this.#surname = surname
    this.#dates = dates
  }

  find(seen: Observation, visit: Visit): void {
    this.#names.clear()
    const { first, last } = seen
    if (first === null && last === null) return
    if (first === null) this.#bySurname(seen, last ?? '')
    else if (last === null) this.#byGivenName(seen, first)
    else this.#byBoth(seen, first, last)

    const prior = (1 - noCounterpartRate) / this.#size
    const background = this.#background(seen)
    const anybody = this.#anybody(seen)
    let sum = noCounterpartRate * anybody + prior * background
    const found: [index: number, likelihood: number][] = []
    for (const [index, names] of this.#names) {
      const likelihood = names * this.#rest(seen, index)
      sum += prior * likelihood
      // The background of these was counted with everybody's.
      if (prior * likelihood > faintest * sum) found.push([index, likelihood])
    }
    for (const [index, likelihood] of found) {
      const chance = (prior * likelihood) / sum
      if (chance >= faintest) visit(index, chance, Math.log2(likelihood / anybody))
    }
  }

  #add(index: number, chance: number): void {
    this.#names.set(index, (this.#names.get(index) ?? 0) + chance)
  }

  #byBoth(seen: Observation, first: string, last: string): void {
    const background = this.#surname.background(last)
    for (const given of this.#given.origins(first)) {
      for (const surname of this.#surname.origins(last)) {
        this.#index.eachNamed(given.name, surname.name, (index) => {
          this.#add(index, (1 - swapped) * given.chance * surname.chance)
        })
      }
      if (seen.town === null) continue
      this.#index.eachAt(given.name, seen.town, (index) => {
        this.#add(index, (1 - swapped) * given.chance * background)
      })
    }
    for (const given of this.#given.origins(last)) {
      for (const surname of this.#surname.origins(first)) {
        this.#index.eachNamed(given.name, surname.name, (index) => {
          this.#add(index, swapped * given.chance * surname.chance)
        })
      }
    }
  }

  #bySurname(seen: Observation, last: string): void {
    for (const surname of this.#surname.origins(last)) {
      this.#index.eachSurname(surname.name, (index) => {
        if (this.#isHere(seen, index)) this.#add(index, (1 - swapped) * surname.chance)
      })
    }
  }

  #byGivenName(seen: Observation, first: string): void {
    for (const given of this.#given.origins(first)) {
      for (let town = 0; town < towns.length; town++) {
        this.#index.eachAt(given.name, town, (index) => {
          if (this.#isHere(seen, index)) this.#add(index, (1 - swapped) * given.chance)
        })
      }
    }
  }

  #isHere({ specialty }: Observation, index: number): boolean {
    return specialty === null || this.#internal.specialty[index] === specialty
  }

  /** Chance of location, specialty and day for that internal user. */
  #rest({ town, specialty, day }: Observation, index: number): number {
    if (specialty !== null && this.#internal.specialty[index] !== specialty) return 0
    const place =
      town === null ? 1 : this.#internal.town[index] === town ? 1 - moved : moved / (towns.length - 1)
    return place * (this.#dates && day !== null ? dayChance(this.#internal.day[index] === day) : 1)
  }

  /** The chance of the record if it is anybody's, with or without an internal counterpart. */
  #anybody({ first, last, town, specialty, day }: Observation): number {
    const given = (text: string | null): number => (text === null ? 1 : this.#given.chance(text))
    const surname = (text: string | null): number => (text === null ? 1 : this.#surname.chance(text))
    const names = (1 - swapped) * given(first) * surname(last) + swapped * given(last) * surname(first)
    const place = town === null ? 1 : 1 / towns.length
    const date = this.#dates && day !== null ? 1 / days : 1
    return names * place * (specialty === null ? 1 : 1 / specialties.length) * date
  }

  /**
   * Σ_j P(v | j) over users who are there by another surname: those of the right given name, at the right place or
   * moved, counted. Those enumerated above at the right place are in their own sum.
   */
  #background(seen: Observation): number {
    const { first, last, town, specialty } = seen
    const surname = last === null ? 0 : this.#surname.background(last)
    if (surname === 0) return 0
    const date = this.#dates && seen.day !== null ? 1 / days : 1
    if (first === null) {
      const here = this.#index.count({ given: null, town, specialty })
      const all = this.#index.count({ given: null, town: null, specialty })
      const places = town === null ? all : (1 - moved) * here + (moved / (towns.length - 1)) * (all - here)
      return (1 - swapped) * surname * places * date
    }
    let sum = 0
    for (const { name, chance } of this.#given.origins(first)) {
      const all = this.#index.count({ given: name, town: null, specialty })
      const elsewhere = town === null ? all : all - this.#index.count({ given: name, town, specialty })
      sum += chance * elsewhere * (town === null ? 1 : moved / (towns.length - 1))
    }
    return (1 - swapped) * surname * sum * date
  }
}

const days = 40
const sharedDay = 0.35

function dayChance(same: boolean): number {
  return (1 - sharedDay) / days + (same ? sharedDay : 0)
}
