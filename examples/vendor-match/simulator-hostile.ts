import type { Fault } from './simulator-faults.ts'

/** What a hostile API does to its own data while it answers. */
export interface HostileData {
  /** The records as they are sent, in order. */
  records(): readonly string[]
  /** Another size of pages. */
  resize(pageSize: number): void
  /** Another order. */
  reorder(place: number): void
}

/** Of a hundred answers so many are wrong or late, and before so many the data moves. */
const wrong = 35
const moving = 6

/** What is well-formed and wrong cannot be told from the truth if it is said again and again: never twice in a row. */
const lies: ReadonlySet<Fault['kind']> = new Set(['stale', 'other-page', 'total', 'empty', 'body'])

/**
 * An API at its worst, the same for the same seed: slow, cut off, overloaded, refusing, mistaken about its pages,
 * answered by old replicas, sending records twice and out of order, with a clock of its own and bodies that unpack to
 * gigabytes, and all the while its pages shift and change their size.
 */
export class Hostility {
  readonly #random: () => number
  readonly #lied = new Map<number, boolean>()
  /** What replicas still answer: some moments of the past. */
  readonly #past: (readonly string[])[] = []

  constructor(seed: number) {
    this.#random = mulberry32(seed)
  }

  /** What befalls the answer for this page; null: nothing. */
  befall(page: number, pages: number, data: HostileData): Fault | null {
    if (this.#chance(10)) this.#past.push(data.records().slice())
    if (this.#past.length > 3) this.#past.shift()
    if (this.#chance(moving)) this.#move(data)
    const fault = this.#chance(wrong) ? this.#fault(page, pages, data) : null
    const isLie = fault !== null && lies.has(fault.kind)
    const mayLie = this.#lied.get(page) !== true
    this.#lied.set(page, isLie && mayLie)
    return isLie && !mayLie ? null : fault
  }

  #move(data: HostileData): void {
    if (this.#chance(30)) data.resize(3 + this.#below(12))
    else data.reorder(this.#below(Math.max(1, data.records().length)))
  }

  #fault(page: number, pages: number, data: HostileData): Fault {
    const [old] = this.#past
    const skewed = new Date(Date.now() + (this.#random() - 0.5) * 1e9)
    const faults: (() => Fault)[] = [
      () => ({ kind: 'slow', ms: this.#below(20) }),
      () => ({ kind: 'reset' }),
      () => ({ kind: 'truncated' }),
      () => ({ kind: 'cut-json' }),
      () => ({ kind: 'html' }),
      () => ({ kind: 'stalled' }),
      () => ({ kind: 'status', status: 500 + this.#below(4) }),
      () => ({ kind: 'status', status: 404 }),
      () => ({ kind: 'status', status: 429, headers: { 'retry-after': '0' } }),
      // Its clock is days off, but it means at once.
      () => ({
        kind: 'status',
        status: 503,
        headers: { 'retry-after': skewed.toUTCString(), date: skewed.toUTCString() },
      }),
      () => ({ kind: 'headers', headers: { date: skewed.toUTCString() } }),
      () => ({ kind: 'huge', bytes: 2 ** 27, gzip: true }),
      () => ({ kind: 'empty' }),
      () => ({ kind: 'total', total: this.#below(pages + 3) }),
      () => ({ kind: 'other-page', page: 1 + this.#below(pages) }),
      () => ({ kind: 'stale', records: old ?? data.records().slice() }),
      () => ({ kind: 'body', body: this.#jumbled(page, pages, data) }),
    ]
    return (faults[this.#below(faults.length)] ?? (() => ({ kind: 'reset' }) as const))()
  }

  /** A page of records from anywhere, some of them twice. */
  #jumbled(page: number, pages: number, data: HostileData): string {
    const records = data.records()
    const some = Array.from(
      { length: Math.min(5, records.length) },
      () => records[this.#below(records.length)],
    )
    return `{"current_page":${page},"total_pages":${pages},"users":[${[...some, ...some.slice(0, 2)].join(',')}]}`
  }

  #chance(percent: number): boolean {
    return this.#random() * 100 < percent
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}

/** Source: T. Ettinger, "mulberry32", public domain. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
