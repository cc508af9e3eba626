import type { Value } from '../changes/change.ts'
import { GrowingInts } from './growing-ints.ts'
import { GrowingTexts } from './growing-texts.ts'

/** A record, its values in the order of the model's fields, and its blocking keys. */
export interface NewRecord {
  readonly id: string
  readonly values: readonly Value[]
  readonly keys: readonly number[]
}

/** Of a blocking key the upper 21 bits choose a list, the lower 32 are compared: together all of its 53 bits. */
const lists = 2 ** 21
const lowerBits = 2 ** 32

/** Missing values, and the end of a list. */
const none = -1

/** What an entry of a dictionary occupies beside its characters: the string, its place in a map and in a list. */
const entryBytes = 96

/**
 * The records of one side of a model version in memory, by blocking key: as long as all of a side's records are in it,
 * the other side's candidates are found and scored without a look into Postgres. Numbers stand in typed arrays, values
 * that records share are kept once. A record is known by its place, counted from 0.
 */
export class ResidentSide {
  /** The newest posting of each list, plus one; 0 for none. */
  readonly #heads = new Int32Array(lists)
  /** A posting is the lower bits of its key, its record, and the posting before it in its list, plus one. */
  readonly #postings = new GrowingInts()
  readonly #ids = new GrowingTexts()
  readonly #values: Dictionary[] = []
  /** The probe that met the record last, so that one that shares several keys is met once. */
  readonly #metBy = new GrowingInts()
  #probe = 0

  /** About what it occupies. */
  get bytes(): number {
    const dictionaries = this.#values.reduce((sum, { bytes }) => sum + bytes, 0)
    return this.#heads.byteLength + this.#postings.bytes + this.#ids.bytes + this.#metBy.bytes + dictionaries
  }

  get count(): number {
    return this.#metBy.length
  }

  /** `compared`: the places of the values that scores depend on; the others are not kept. */
  add({ id, values, keys }: NewRecord, compared: readonly number[]): void {
    const place = this.count
    this.#ids.push(id)
    this.#metBy.push(0)
    for (const field of compared) (this.#values[field] ??= new Dictionary()).push(values[field] ?? null)
    for (const key of keys) {
      const list = Math.floor(key / lowerBits)
      this.#postings.push(key | 0)
      this.#postings.push(place)
      this.#postings.push(this.#heads[list] ?? 0)
      this.#heads[list] = this.#postings.length / 3
    }
  }

  id(place: number): string {
    return this.#ids.at(place)
  }

  /** The value of one of the `compared` fields. */
  value(place: number, field: number): Value {
    return this.#values[field]?.at(place) ?? null
  }

  /** The places of the records that have one of the keys, each once. */
  find(keys: readonly number[]): number[] {
    const found: number[] = []
    const probe = ++this.#probe
    for (const key of keys) {
      const lower = key | 0
      let posting = this.#heads[Math.floor(key / lowerBits)] ?? 0
      while (posting !== 0) {
        const at = (posting - 1) * 3
        if (this.#postings.at(at) === lower) {
          const place = this.#postings.at(at + 1)
          if (this.#metBy.at(place) !== probe) {
            this.#metBy.set(place, probe)
            found.push(place)
          }
        }
        posting = this.#postings.at(at + 2)
      }
    }
    return found
  }

  /** Calls `visit` for every key of every record. */
  eachKey(visit: (key: number) => void): void {
    for (let list = 0; list < lists; list++) {
      let posting = this.#heads[list] ?? 0
      while (posting !== 0) {
        const at = (posting - 1) * 3
        visit(list * lowerBits + (this.#postings.at(at) >>> 0))
        posting = this.#postings.at(at + 2)
      }
    }
  }
}

/** One value of each record; equal ones are kept once. */
class Dictionary {
  readonly #numbers = new GrowingInts()
  readonly #numberOf = new Map<string, number>()
  readonly #texts: string[] = []
  #textBytes = 0

  get bytes(): number {
    return this.#numbers.bytes + this.#textBytes
  }

  push(value: Value): void {
    this.#numbers.push(value === null ? none : this.#number(value))
  }

  at(place: number): Value {
    const number = this.#numbers.at(place)
    return number === none ? null : (this.#texts[number] ?? null)
  }

  #number(value: string): number {
    const known = this.#numberOf.get(value)
    if (known !== undefined) return known
    // A copy: the value may be a piece of a page, which would be kept alive as a whole.
    const text = Buffer.from(value).toString()
    this.#numberOf.set(text, this.#texts.length)
    this.#textBytes += entryBytes + 2 * text.length
    return this.#texts.push(text) - 1
  }
}
