/** Longer texts are computed each time, so that the bound on entries is also a bound on bytes. */
const longestRemembered = 64

/** V8 keeps the whole parent alive through a substring of this length or more. */
const shortestSubstring = 13

/**
 * A pure function of a text that remembers at most `capacity` results in two generations: when the young one
 * is full it becomes the old one, and a hit in the old one moves back to the young. That is nearly the hit rate
 * of an exact LRU at the price of a plain `Map`.
 */
export class Memo<T> {
  readonly #compute: (text: string) => T
  readonly #half: number
  #young = new Map<string, T>()
  #old = new Map<string, T>()

  constructor(compute: (text: string) => T, capacity: number) {
    this.#compute = compute
    this.#half = Math.max(1, Math.floor(capacity / 2))
  }

  get(text: string): T {
    const known = this.#young.get(text)
    if (known !== undefined) return known
    if (text.length > longestRemembered) return this.#compute(text)
    const value = this.#old.get(text) ?? this.#compute(text)
    if (this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(detached(text), value)
    return value
  }

  forget(): void {
    this.#young = new Map()
    this.#old = new Map()
  }
}

/** A copy that does not hold on to the page or chunk which the text was cut from. */
function detached(text: string): string {
  if (text.length < shortestSubstring) return text
  const units = new Array<number>(text.length)
  for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i)
  return String.fromCharCode(...units)
}

/** Numbers from here on would no longer fit a pair of them into a safe integer. */
const endOfNumbers = 2 ** 26

/** A counter for values that take part in remembered pairs; null once it is used up. */
export function numbering(): () => number | null {
  let next = 0
  return () => (next < endOfNumbers ? next++ : null)
}

interface Numbered {
  readonly number: number | null
}

/** No pair has it. */
const nobody = -1

/**
 * A pure function of two numbered values that remembers one result in each of `places` (a power of two): a pair takes
 * the place of the one that fell there before it. The names within a block are few and meet again and again. Memory is
 * taken at once and does not grow, and remembering makes nothing to be collected.
 */
export function memoizePairs<V extends Numbered, T>(
  compute: (a: V, b: V) => T,
  places: number,
): (a: V, b: V) => T {
  const pairs = new Float64Array(places).fill(nobody)
  const results = new Array<T | undefined>(places).fill(undefined)
  return (a, b) => {
    if (a.number === null || b.number === null) return compute(a, b)
    const pair = a.number * endOfNumbers + b.number
    const place = ((Math.imul(a.number, 0x9e3779b1) ^ Math.imul(b.number, 0x85ebca6b)) >>> 7) & (places - 1)
    if (pairs[place] === pair) return results[place] as T
    const value = compute(a, b)
    pairs[place] = pair
    results[place] = value
    return value
  }
}
