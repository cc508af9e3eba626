import { mulberry32 } from '../../examples/vendor-match/simulator-hostile.ts'
import type { Fetcher, FetchRequest, FetchResponse } from '../../src/poller/http-fetcher.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import type { PagedAnswer, PagedApi } from './paged-api.ts'
import { vendorUser } from './vendor-source.ts'

const minute = 60_000

/** Of a hundred answers so many are wrong, and before so many the data moves. */
const wrong = 30
const moving = 8

type Answered = Pick<PagedAnswer, 'status' | 'headers'> & { readonly body: string | Buffer }

/**
 * A clock that stands until somebody waits, and ticks every five minutes for whoever follows: a test of days takes
 * milliseconds.
 */
export class TickingClock implements Clock {
  #now = Date.parse('2017-02-02T00:00:00Z')
  #onTick: (() => void) | null = null
  #nextTick = Infinity

  now(): number {
    return this.#now
  }

  advance(ms: number): void {
    this.#now += ms
  }

  /** Others have their turn first. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
    if (this.#now + ms < this.#nextTick) {
      this.#now += ms
      return
    }
    this.#now = Math.max(this.#now, this.#nextTick)
    this.#nextTick = this.#now + 5 * minute
    this.#onTick?.()
  }

  readonly startSchedule = (onTick: () => void): (() => void) => {
    this.#onTick = onTick
    this.#nextTick = this.#now + 5 * minute
    return () => {
      this.#onTick = null
      this.#nextTick = Infinity
    }
  }
}

/** `advance`: so long it takes to answer. */
export type ListClock = Pick<TickingClock, 'now' | 'advance'>

/**
 * A list of records at its worst, the same for the same seed, asked in memory: what it says is tested here, not how it
 * travels. It answers too late or never, breaks off, says what it said before to this or another request (a replica
 * that lags, a cache that mixes them up), tells of no next page, of too many or too few, of none at all; its clocks
 * are off; and all the while its users come, change and go, and its pages change their size. Of changes it tells none that
 * are older than asked for: whoever took them for news could not know better.
 *
 * What is well-formed and wrong cannot be told from the truth if it is said again and again: never twice in a row
 * to the same request.
 */
export class HostileList implements Fetcher {
  isHostile = true
  /** Of those that have asked too often, in seconds. */
  retryAfter = '1'
  readonly #api: PagedApi
  readonly #clock: ListClock
  readonly #random: () => number
  /** How far its clock is off: of its records and of its answers alike. */
  readonly #skewMs: number
  readonly #lied = new Map<string, boolean>()
  /** Some answers of the past to requests for the same time. */
  readonly #said = new Map<string, Answered[]>()
  #nextId = 1000

  constructor(api: PagedApi, clock: ListClock, seed: number) {
    this.#api = api
    this.#clock = clock
    this.#random = mulberry32(seed)
    this.#skewMs = Math.round((this.#random() - 0.5) * 600 * minute)
    api.now = () => clock.now() + this.#skewMs
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async fetch({ url, signal }: Pick<FetchRequest, 'url' | 'signal'>): Promise<FetchResponse> {
    await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    this.#clock.advance(this.#below(200))
    const path = url.pathname + url.search
    if (this.isHostile && this.#chance(moving)) this.live()
    const truth: Answered = this.#api.answer(path)
    const { status, headers, body } = this.isHostile ? this.#befall(url, truth) : truth
    const skewMs = this.isHostile && this.#chance(5) ? (this.#random() - 0.5) * 1e9 : this.#skewMs
    const date = new Date(this.#clock.now() + skewMs).toUTCString()
    return { status, headers: { date, ...headers }, body: Buffer.from(body) }
  }

  /** Something happens to its users. */
  live(): void {
    const users = this.#api.users()
    const id = users[this.#below(users.length)]?.id ?? 0
    const kind = this.#below(10)
    if (kind < 3) this.#api.insert(vendorUser(this.#nextId++), this.#below(users.length))
    else if (kind < 5) this.#api.remove(id)
    else if (kind < 8) this.#api.update(id, { lastname: `Lean ${this.#nextId++}` })
    // Somebody's watch is wrong: the time of this change is yet to come.
    else if (kind < 9) this.#api.update(id, { lastname: `Early ${this.#nextId++}` }, this.#future())
    else this.#api.pageSize = 3 + this.#below(12)
  }

  #future(): number {
    return this.#api.now() + this.#below(600) * minute
  }

  #befall({ pathname, search, searchParams }: URL, truth: Answered): Answered {
    const path = pathname + search
    const mayLie = this.#lied.get(path) !== true
    const since = searchParams.get('since') ?? ''
    const said = this.#said.get(since) ?? []
    this.#said.set(since, said)
    const answer = this.#chance(wrong) ? this.#fault(truth, said) : truth
    if (answer.status !== 200) return answer
    const isLie = answer !== truth
    this.#lied.set(path, isLie && mayLie)
    if (!isLie) this.#remember(truth, said)
    return isLie && !mayLie ? truth : answer
  }

  #remember(answer: Answered, said: Answered[]): void {
    const place = said.length < 20 ? said.length : this.#below(200)
    if (place < 20) said[place] = answer
  }

  #fault(truth: Answered, said: readonly Answered[]): Answered {
    const { headers } = truth
    const status = (code: number, more: Record<string, string> = {}): Answered => ({
      ...{ status: code, headers: { ...headers, ...more }, body: '{}' },
    })
    const faults: (() => Answered)[] = [
      () => {
        throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      },
      () => ({ ...truth, status: 200, body: truth.body.slice(0, truth.body.length / 2) }),
      () => status(500 + this.#below(4)),
      () => status(404),
      () => status(429, { 'retry-after': this.retryAfter }),
      () => said[this.#below(said.length)] ?? truth,
      () => said[this.#below(said.length)] ?? truth,
      () => this.#changed(truth, ({ users }) => ({ users: users.slice(0, users.length / 2) })),
      () => this.#changed(truth, () => ({ users: [] })),
      () => this.#changed(truth, () => ({ next: null, links: {} }), {}),
      () => this.#changed(truth, () => ({ users: [], next: null, links: {} }), {}),
      () => this.#changed(truth, () => ({ total_pages: this.#below(9), total: this.#below(99) })),
      () => this.#changed(truth, ({ users }) => ({ users: [...users.slice(2), ...users.slice(0, 4)] })),
    ]
    return (faults[this.#below(faults.length)] ?? faults[0])?.() ?? truth
  }

  #changed(
    { status, headers, body }: Answered,
    change: (said: { readonly users: readonly unknown[] }) => object,
    more: Readonly<Record<string, string>> = headers,
  ): Answered {
    const said = JSON.parse(body.toString()) as { users: readonly unknown[] }
    return { status, headers: more, body: JSON.stringify({ ...said, ...change(said) }) }
  }

  #chance(percent: number): boolean {
    return this.#random() * 100 < percent
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}
