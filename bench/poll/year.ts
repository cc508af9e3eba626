import { mulberry32 } from '../../examples/vendor-match/simulator-hostile.ts'
import { ChangeRates } from '../../src/poller/change-rates.ts'
import { RevisitPlan } from '../../src/poller/revisit-plan.ts'
import { nextTurn } from '../../src/poller/turn.ts'

/** A year of a paged API whose records change at given rates, read one page at a time within a budget. */
export interface YearOptions {
  readonly records: number
  readonly pageSize: number
  /** The rate of the record at each place of the order; only their proportions count. */
  readonly rateAt: (place: number) => number
  readonly changesPerDay: number
  /** So many records come at random places, and as many go. */
  readonly movesPerDay: number
  readonly spacingMs: number
  readonly days: number
  readonly seed: number
}

export type Policy = 'round-robin' | 'true-rates' | 'adaptive'

export interface Year {
  /** From a change to the read that finds it, on average, in milliseconds. */
  readonly staleness: number
  /** The longest that a page went unread, in milliseconds. */
  readonly oldest: number
  readonly requests: number
  readonly changes: number
}

const dayMs = 86_400_000

/** Of our schedule: a sweep of all pages in order once a day, and no page left unread for longer than the bound. */
export const sweepEveryMs = dayMs
export const boundMs = ({
  records,
  pageSize,
  spacingMs,
}: Pick<YearOptions, 'records' | 'pageSize' | 'spacingMs'>): number =>
  5 * Math.ceil(records / pageSize) * spacingMs

/** The records in their order: what each one's rate is, and which of its changes nobody has read yet. */
class Records {
  readonly #pageSize: number
  readonly #rates: number[]
  /** Unread changes: how many, and the sum of their times. */
  readonly #pending: number[]
  readonly #times: number[]
  #pageRates: number[] = []

  constructor({ records, pageSize, rateAt }: YearOptions) {
    this.#pageSize = pageSize
    this.#rates = Array.from({ length: records }, (_, place) => rateAt(place))
    this.#pending = new Array<number>(records).fill(0)
    this.#times = new Array<number>(records).fill(0)
    this.#sumRates()
  }

  get pages(): number {
    return Math.ceil(this.#rates.length / this.#pageSize)
  }

  get count(): number {
    return this.#rates.length
  }

  rateOfPage(page: number): number {
    return this.#pageRates[page - 1] ?? 0
  }

  /** A record changes: of rates, the one at this share of their sum. */
  change(share: number, now: number): void {
    let left = share * this.#pageRates.reduce((sum, rate) => sum + rate, 0)
    let page = 0
    while (page < this.#pageRates.length - 1 && left >= (this.#pageRates[page] ?? 0))
      left -= this.#pageRates[page++] ?? 0
    let place = page * this.#pageSize
    const end = Math.min(place + this.#pageSize, this.count) - 1
    while (place < end && left >= (this.#rates[place] ?? 0)) left -= this.#rates[place++] ?? 0
    this.#note(place, now)
  }

  /**
   * A record comes, as changeable as the one that stands there, and another one goes: pages shift between them. Returns
   * the page on which it comes.
   */
  move(to: number, from: number, now: number): number {
    this.#rates.splice(to, 0, this.#rates[to] ?? 0)
    this.#pending.splice(to, 0, 0)
    this.#times.splice(to, 0, 0)
    this.#note(to, now)
    for (const list of [this.#rates, this.#pending, this.#times]) list.splice(from, 1)
    this.#sumRates()
    return Math.floor(to / this.#pageSize) + 1
  }

  /** Reads a page: how many records had changed, by how many changes, and how long these had waited in all. */
  read(page: number, now: number): { records: number; changes: number; waitedMs: number } {
    const found = { records: 0, changes: 0, waitedMs: 0 }
    const end = Math.min(page * this.#pageSize, this.count)
    for (let place = (page - 1) * this.#pageSize; place < end; place++) {
      const pending = this.#pending[place] ?? 0
      if (pending === 0) continue
      found.records++
      found.changes += pending
      found.waitedMs += pending * now - (this.#times[place] ?? 0)
      this.#pending[place] = this.#times[place] = 0
    }
    return found
  }

  #note(place: number, now: number): void {
    this.#pending[place] = (this.#pending[place] ?? 0) + 1
    this.#times[place] = (this.#times[place] ?? 0) + now
  }

  #sumRates(): void {
    this.#pageRates = Array.from({ length: this.pages }, (_, page) => {
      let sum = 0
      const end = Math.min((page + 1) * this.#pageSize, this.count)
      for (let place = page * this.#pageSize; place < end; place++) sum += this.#rates[place] ?? 0
      return sum
    })
  }
}

export function simulateYear(options: YearOptions, policy: Policy): Year {
  const { spacingMs, days, changesPerDay, movesPerDay, seed } = options
  const records = new Records(options)
  const random = mulberry32(seed)
  const choose = chooser(options, policy, records)
  let nextChange = 0
  let nextMove = 0
  const readAt = new Float64Array(records.pages + 2)
  const total = { staleness: 0, oldest: 0, requests: 0, changes: 0 }
  const warmUpMs = (days / 12) * dayMs
  for (let now = 0; now < days * dayMs; now += spacingMs) {
    for (; nextChange <= now; nextChange += exponential(random) * (dayMs / changesPerDay))
      records.change(random(), nextChange)
    for (; nextMove <= now; nextMove += exponential(random) * (dayMs / movesPerDay))
      choose.inserted(
        records.move(Math.floor(random() * records.count), Math.floor(random() * records.count), nextMove),
      )
    const page = choose.page(now)
    if (page === null) continue
    const found = records.read(page, now)
    choose.note(page, found.records, now)
    total.requests++
    total.oldest = Math.max(total.oldest, now - (readAt[page] ?? 0))
    readAt[page] = now
    // What is learnt in the first month belongs to no policy's account.
    if (now < warmUpMs) continue
    total.changes += found.changes
    total.staleness += found.waitedMs
  }
  return { ...total, staleness: total.staleness / total.changes }
}

interface Chooser {
  /** Null: none now. */
  page(now: number): number | null
  note(page: number, changes: number, now: number): void
  /** A record came on this page. */
  inserted(page: number): void
}

function chooser(options: YearOptions, policy: Policy, records: Records): Chooser {
  if (policy === 'adaptive') return adaptive(options, records)
  let last = 0
  const readAt = new Float64Array(records.pages + 2)
  return {
    page(now) {
      if (policy === 'round-robin') return (last = (last % records.pages) + 1)
      let best = 1
      let most = -1
      for (let page = 1; page <= records.pages; page++) {
        const index = records.rateOfPage(page) * (now - (readAt[page] ?? 0)) ** 2
        if (index > most) [best, most] = [page, index]
      }
      return best
    },
    note(page, _, now) {
      readAt[page] = now
    },
    inserted: () => undefined,
  }
}

/** The product's default. */
const maxSweeps = 3

/**
 * A source that follows with a daily schedule: its own turns, and its sweeps in the order of the pages. A sweep before whose
 * place a record comes sees one twice, cannot be trusted, and is repeated.
 */
function adaptive(options: YearOptions, records: Records): Chooser {
  const plan = new RevisitPlan(new ChangeRates(), {
    maxStalenessMs: boundMs(options),
    spacingMs: options.spacingMs,
  })
  const readAt = new Map<number, number>()
  /** The page at which a sweep is; 0 between sweeps. */
  let sweeping = 0
  let sweeps = 0
  let isDoubtful = false
  let nextSweep = 0
  const begin = (sweep: number): number => {
    isDoubtful = false
    sweeps = sweep
    return (sweeping = 1)
  }
  return {
    page(now) {
      if (sweeping > 0) return sweeping
      const turn = nextTurn(plan, { now, sweep: now >= nextSweep, isAddressable: true, gateMs: 0 })
      if (turn.kind === 'read') return turn.page
      if (turn.kind === 'wait') return null
      if (now >= nextSweep) nextSweep += sweepEveryMs
      return begin(1)
    },
    note(page, changes, now) {
      plan.noteRead(page, { changes, before: readAt.get(page) ?? null, now })
      readAt.set(page, now)
      if (sweeping === 0 || ++sweeping <= records.pages) return
      if (isDoubtful && sweeps < maxSweeps) begin(sweeps + 1)
      else {
        sweeping = 0
        plan.noteSweep(records.pages, now)
      }
    },
    inserted(page) {
      isDoubtful ||= page < sweeping
    },
  }
}

function exponential(random: () => number): number {
  return -Math.log(1 - random())
}
