import type { Value } from '../changes/change.ts'
import { GrowingInts } from './growing-ints.ts'
import { GrowingTexts } from './growing-texts.ts'

/** A record, its values in the order of the model's fields, and its blocking keys. */
export interface NewRecord {
  readonly id: string
  readonly values: readonly Value[]
  readonly keys: readonly number[]
}

/**
 * Of the 53 bits of a blocking key the posting holds 32 by themselves and 2 beside the record; the other 19 choose a
 * list, by themselves once the 32 are known, so that keys are compared exactly. With a list for each of the upper 21 bits
 * both sides together took 12 MB more.
 */
const lists = 2 ** 19
const lowerBits = 2 ** 32
const placeBits = 30
const placeMask = 2 ** placeBits - 1

/**
 * For each value of so many lower bits of a key a bit whether any record has such a key: most probes find none, and learn
 * it from one place of memory instead of three.
 */
const markBits = 23
const markMask = 2 ** markBits - 1

/** Mixed with the lower bits, since the upper ones begin with the number of the pass, and a model has few. */
const listOf = (key: number, upper: number): number => (upper ^ key) & (lists - 1)

/** The upper 21 bits. */
const upperOf = (key: number): number => Math.floor(key / lowerBits)

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
  readonly #marks = new Int32Array(2 ** (markBits - 5))
  /** A posting is three numbers: bits of its key; its record and more bits; the posting before it in its list, plus one. */
  readonly #postings = new GrowingInts()
  readonly #ids = new GrowingTexts()
  readonly #compared: readonly number[]
  readonly #dictionaries: readonly Dictionary[]
  /**
   * For each record the probe that met it last, so that one that shares several keys is met once, and the numbers of its
   * values: side by side, since a look at another place of memory takes longer than all that is done with it.
   */
  readonly #records = new GrowingInts()
  readonly #width: number
  #probe = 0

  /** `compared`: the places of the values on which scores depend; the others are not kept. */
  constructor(compared: readonly number[]) {
    this.#compared = compared
    this.#dictionaries = compared.map(() => new Dictionary())
    this.#width = 1 + compared.length
  }

  /** About what it occupies. */
  get bytes(): number {
    const dictionaries = this.#dictionaries.reduce((sum, { bytes }) => sum + bytes, 0)
    const fixed = this.#heads.byteLength + this.#marks.byteLength
    return fixed + this.#postings.bytes + this.#ids.bytes + this.#records.bytes + dictionaries
  }

  get count(): number {
    return this.#records.length / this.#width
  }

  add({ id, values, keys }: NewRecord): void {
    const place = this.count
    this.#ids.push(id)
    this.#records.push(0)
    for (let i = 0; i < this.#compared.length; i++) {
      const value = values[this.#compared[i] ?? 0] ?? null
      this.#records.push(value === null ? none : (this.#dictionaries[i]?.number(value) ?? none))
    }
    for (const key of keys) {
      const upper = upperOf(key)
      const list = listOf(key, upper)
      const mark = key & markMask
      this.#marks[mark >>> 5] = (this.#marks[mark >>> 5] ?? 0) | (1 << (mark & 31))
      this.#postings.push(key | 0)
      this.#postings.push(place | ((upper / lists) << placeBits))
      this.#postings.push(this.#heads[list] ?? 0)
      this.#heads[list] = this.#postings.length / 3
    }
  }

  id(place: number): string {
    return this.#ids.at(place)
  }

  /** The number of the value that a record has `at` a place among the compared ones; negative when it is missing. */
  valueNumber(place: number, at: number): number {
    return this.#records.at(place * this.#width + 1 + at)
  }

  /** The value of this number `at` a place among the compared ones. */
  value(at: number, number: number): string {
    return this.#dictionaries[at]?.text(number) ?? ''
  }

  /** The places of the records that have one of the keys, each once. */
  find(keys: readonly number[]): number[] {
    const found: number[] = []
    const probe = ++this.#probe
    for (const key of keys) {
      const lower = key | 0
      const mark = key & markMask
      if (((this.#marks[mark >>> 5] ?? 0) & (1 << (mark & 31))) === 0) continue
      const upper = upperOf(key)
      const rest = Math.floor(upper / lists)
      let posting = this.#heads[listOf(key, upper)] ?? 0
      while (posting !== 0) {
        const at = (posting - 1) * 3
        if (this.#postings.at(at) === lower) {
          const record = this.#postings.at(at + 1)
          const place = record & placeMask
          if (record >>> placeBits === rest && this.#records.at(place * this.#width) !== probe) {
            this.#records.set(place * this.#width, probe)
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
    if (this.count === 0) return
    for (let list = 0; list < lists; list++) {
      let posting = this.#heads[list] ?? 0
      while (posting !== 0) {
        const at = (posting - 1) * 3
        const lower = this.#postings.at(at)
        const upper = listOf(lower, list) + (this.#postings.at(at + 1) >>> placeBits) * lists
        visit(upper * lowerBits + (lower >>> 0))
        posting = this.#postings.at(at + 2)
      }
    }
  }
}

/** Numbers for texts, counted from 0; equal ones have one number. */
class Dictionary {
  readonly #numberOf = new Map<string, number>()
  readonly #texts: string[] = []
  bytes = 0

  text(number: number): string {
    return this.#texts[number] ?? ''
  }

  number(value: string): number {
    const known = this.#numberOf.get(value)
    if (known !== undefined) return known
    // A copy: the value may be a piece of a page, which would be kept alive as a whole.
    const text = Buffer.from(value).toString()
    this.#numberOf.set(text, this.#texts.length)
    this.bytes += entryBytes + 2 * text.length
    return this.#texts.push(text) - 1
  }
}
