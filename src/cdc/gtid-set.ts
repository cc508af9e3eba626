/** A set of MySQL transactions: for each server (and tag, from 8.3 on) the numbers it holds. */

interface Interval {
  readonly first: bigint
  /** Inclusive. */
  readonly last: bigint
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const tagPattern = /^[a-z_][a-z0-9_]{0,31}$/
const intervalPattern = /^(\d{1,19})(?:-(\d{1,19}))?$/

/** Immutable. The text form is canonical: two equal sets print alike, as the server itself prints them. */
export class GtidSet {
  static readonly empty = new GtidSet(new Map())

  /** Server uuid, or `uuid:tag` → disjoint intervals in ascending order that do not touch. */
  readonly #intervals: ReadonlyMap<string, readonly Interval[]>

  private constructor(intervals: ReadonlyMap<string, readonly Interval[]>) {
    this.#intervals = intervals
  }

  /** Reads what the server prints, in any order and with overlaps. Throws a `SyntaxError` on anything else. */
  static parse(text: string): GtidSet {
    const found = new Map<string, Interval[]>()
    for (const part of text.split(',')) {
      const server = part.trim().toLowerCase()
      if (server !== '') parseServer(server, found)
    }
    return GtidSet.#of(found)
  }

  static #of(found: ReadonlyMap<string, readonly Interval[]>): GtidSet {
    const merged = new Map<string, readonly Interval[]>()
    for (const origin of [...found.keys()].sort()) {
      const intervals = mergeIntervals(found.get(origin) ?? [])
      if (intervals.length > 0) merged.set(origin, intervals)
    }
    return new GtidSet(merged)
  }

  get isEmpty(): boolean {
    return this.#intervals.size === 0
  }

  contains(other: GtidSet): boolean {
    for (const [origin, wanted] of other.#intervals) {
      const held = this.#intervals.get(origin)
      if (held === undefined || !containsAll(held, wanted)) return false
    }
    return true
  }

  /** With the transactions `first` to `last` of an origin: a server's uuid, or `uuid:tag`. */
  with(added: Iterable<readonly [origin: string, first: bigint, last: bigint]>): GtidSet {
    const found = new Map<string, Interval[]>()
    for (const [origin, intervals] of this.#intervals) found.set(origin, [...intervals])
    for (const [origin, first, last] of added) {
      const intervals = found.get(origin)
      if (intervals === undefined) found.set(origin, [{ first, last }])
      else intervals.push({ first, last })
    }
    return GtidSet.#of(found)
  }

  /** What this holds and the other does not. */
  without(other: GtidSet): GtidSet {
    const left = new Map<string, readonly Interval[]>()
    for (const [origin, intervals] of this.#intervals) {
      const gone = other.#intervals.get(origin) ?? []
      left.set(
        origin,
        intervals.flatMap((interval) => subtract(interval, gone)),
      )
    }
    return GtidSet.#of(left)
  }

  /** What both hold. */
  intersection(other: GtidSet): GtidSet {
    return this.without(this.without(other))
  }

  /** As the command that asks for the log carries it; with tags in the form that servers know since 8.3. */
  encode(): Buffer {
    const tagged = [...this.#intervals.keys()].some((origin) => origin.includes(':'))
    const count = BigInt(this.#intervals.size)
    const parts = [word(tagged ? (1n << 56n) | (count << 8n) | 1n : count)]
    for (const [origin, intervals] of this.#intervals) {
      const [uuid = '', tag = ''] = origin.split(':')
      parts.push(Buffer.from(uuid.replaceAll('-', ''), 'hex'))
      if (tagged) parts.push(Buffer.from([tag.length * 2]), Buffer.from(tag))
      parts.push(word(BigInt(intervals.length)))
      for (const { first, last } of intervals) parts.push(word(first), word(last + 1n))
    }
    return Buffer.concat(parts)
  }

  union(other: GtidSet): GtidSet {
    const found = new Map<string, Interval[]>()
    for (const set of [this, other]) {
      for (const [origin, intervals] of set.#intervals) {
        found.set(origin, [...(found.get(origin) ?? []), ...intervals])
      }
    }
    return GtidSet.#of(found)
  }

  toString(): string {
    const servers = new Map<string, string>()
    for (const [origin, intervals] of this.#intervals) {
      const [uuid = '', tag] = origin.split(':')
      const numbers = intervals.map(printInterval).join(':')
      const text = tag === undefined ? numbers : `${tag}:${numbers}`
      const before = servers.get(uuid)
      servers.set(uuid, before === undefined ? text : `${before}:${text}`)
    }
    return [...servers].map(([uuid, text]) => `${uuid}:${text}`).join(',')
  }
}

/** `uuid[:tag]:interval[:interval]…[:tag:interval…]…`: a tag holds for the intervals after it. */
function parseServer(text: string, found: Map<string, Interval[]>): void {
  const [uuid = '', ...parts] = text.split(':').map((part) => part.trim())
  if (!uuidPattern.test(uuid) || parts.length === 0) throw new SyntaxError(`not a GTID set: ${text}`)
  let origin = uuid
  for (const part of parts) {
    if (tagPattern.test(part)) {
      origin = `${uuid}:${part}`
      continue
    }
    const match = intervalPattern.exec(part)
    const first = BigInt(match?.[1] ?? 0)
    const last = BigInt(match?.[2] ?? first)
    if (first < 1n || last < first) throw new SyntaxError(`not a GTID interval: ${part}`)
    const intervals = found.get(origin)
    if (intervals === undefined) found.set(origin, [{ first, last }])
    else intervals.push({ first, last })
  }
}

function mergeIntervals(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const merged: Interval[] = []
  for (const interval of sorted) {
    const previous = merged.at(-1)
    if (previous === undefined || interval.first > previous.last + 1n) merged.push(interval)
    else if (interval.last > previous.last)
      merged[merged.length - 1] = { first: previous.first, last: interval.last }
  }
  return merged
}

/** Both in ascending order and disjoint, so one pass suffices. */
function containsAll(held: readonly Interval[], wanted: readonly Interval[]): boolean {
  let index = 0
  for (const interval of wanted) {
    while (index < held.length && (held[index]?.last ?? 0n) < interval.first) index++
    const candidate = held[index]
    if (candidate === undefined || candidate.first > interval.first || candidate.last < interval.last)
      return false
  }
  return true
}

function subtract(interval: Interval, gone: readonly Interval[]): Interval[] {
  const left: Interval[] = []
  let first = interval.first
  for (const hole of gone) {
    if (hole.last < first || hole.first > interval.last) continue
    if (hole.first > first) left.push({ first, last: hole.first - 1n })
    first = hole.last + 1n
  }
  if (first <= interval.last) left.push({ first, last: interval.last })
  return left
}

function word(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

function printInterval({ first, last }: Interval): string {
  return first === last ? String(first) : `${String(first)}-${String(last)}`
}
