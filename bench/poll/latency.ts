import { setTimeout as sleep } from 'node:timers/promises'
import type { VendorSimulator } from '../../examples/vendor-match/simulator.ts'
import { sweepAtOnce, type FollowedApi } from './followed-api.ts'

/** A page size of the simulator, whose pages are counted from 1. */
const pageSize = 1000

export interface Latencies {
  /**
   * From the request that found the change on, ascending, in milliseconds: to the matched row or, of a user who matches
   * nobody any more, to the mirrored one and the end of the match.
   */
  readonly waitedMs: readonly number[]
  /** Of the slowest: how long before nobody looked, so that it may have been there so much earlier. */
  readonly unseenMs: number
  /** Changes after which the user was matched with nobody. */
  readonly unmatched: number
}

interface Seen {
  readonly ms: number
  /** Since the look before, which did not find it yet. */
  readonly unseenMs: number
  readonly matched: boolean
}

interface Matched {
  readonly id: number
  readonly lastname: string
}

/**
 * Users change one after the other, each in the very moment in which its page is asked for, so that nothing counts but
 * the way from the answer to the matched row: a letter is added to the surname, so keys, pairs and the match are made anew.
 */
export class ChangedUsers {
  readonly #api: FollowedApi
  readonly #byPage: ReadonlyMap<number, Matched[]>

  private constructor(api: FollowedApi, byPage: ReadonlyMap<number, Matched[]>) {
    this.#api = api
    this.#byPage = byPage
  }

  /** Takes users who are matched beyond doubt. */
  static async choose(api: FollowedApi): Promise<ChangedUsers> {
    const rows = await api.warehouse.query(
      `select vendor_id, vendor_last_name from warehouse.user_match
        where vendor_last_name is not null order by match_weight desc, vendor_id`,
    )
    const places = new Map([...api.simulator.users()].map(({ id }, place) => [id, place]))
    const byPage = new Map<number, Matched[]>()
    for (const [id, lastname] of rows) {
      const page = Math.floor((places.get(Number(id)) ?? 0) / pageSize) + 1
      const onPage = byPage.get(page) ?? []
      if (onPage.length < 20) byPage.set(page, [...onPage, { id: Number(id), lastname: lastname ?? '' }])
    }
    return new ChangedUsers(api, byPage)
  }

  /**
   * On pages that are read by themselves, one after the other; and what a commit of one row takes between them, in
   * milliseconds, ascending: no change can be there sooner, and each waits for the same disk.
   */
  async betweenSweeps(count: number): Promise<Latencies & { readonly commitsMs: readonly number[] }> {
    const found: Seen[] = []
    const commitsMs: number[] = []
    await this.#api.warehouse.query('create table public.one_row (n int)')
    for (let n = 0; n < count; n++) {
      const changed = this.#changeOnNextPage([])
      found.push(await this.#untilMatched(changed))
      // Nothing of one change is to wait for the one before.
      await sleep(25)
      const began = performance.now()
      await this.#api.warehouse.query('insert into public.one_row values (1)')
      commitsMs.push(performance.now() - began)
      await sleep(25)
    }
    return { ...latencies(found), commitsMs: commitsMs.sort((a, b) => a - b) }
  }

  /** Within one sweep, on pages far from each other. */
  async inSweep(count: number): Promise<Latencies> {
    const { simulator } = this.#api
    const pages = Array.from({ length: count }, (_, n) =>
      Math.max(1, Math.round(((n + 0.5) * simulator.totalPages) / count)),
    )
    const swept = sweepAtOnce(this.#api)
    const found = await Promise.all(pages.map((page) => this.#untilMatched(this.#changeOnNextPage([page]))))
    await swept
    return latencies(found)
  }

  /** Resolves with the user, its new name and the time when the page was asked for. */
  #changeOnNextPage(pages: readonly number[]): Promise<Matched & { readonly at: number }> {
    const { simulator } = this.#api
    return new Promise((resolve) => {
      simulator.faults.add({
        kind: 'meanwhile',
        times: 1,
        ...(pages.length === 0 ? {} : { pages }),
        act: () => {
          const user = this.#byPage.get(askedPage(simulator))?.pop()
          if (user === undefined) {
            void this.#changeOnNextPage(pages).then(resolve)
            return
          }
          const lastname = `${user.lastname}e`
          const at = performance.now()
          simulator.update(user.id, { lastname })
          resolve({ id: user.id, lastname, at })
        },
      })
    })
  }

  /** Throws when the change cannot be seen within a minute. */
  async #untilMatched(changed: Promise<Matched & { readonly at: number }>): Promise<Seen> {
    const { id, lastname, at } = await changed
    for (let lookedMs = 0; ;) {
      const askedMs = performance.now() - at
      // A user who is mirrored and not matched is in the commit that has judged both.
      const [mirrored, matched, former] = await this.#api.warehouse.one(
        `select exists (select from warehouse.vendor_user where id = $1 and lastname = $2),
                exists (select from warehouse.user_match where vendor_id = $1 and vendor_last_name = $2),
                exists (select from warehouse.user_match where vendor_id = $1 and vendor_last_name <> $2)`,
        [String(id), lastname],
      )
      const ms = performance.now() - at
      const unseenMs = ms - lookedMs
      if (matched === 't') return { ms, unseenMs, matched: true }
      if (mirrored === 't' && former === 'f') return { ms, unseenMs, matched: false }
      lookedMs = askedMs
      if (ms > 60_000) throw new Error(`the change of user ${id} is not in the warehouse after a minute`)
      await sleep(1)
    }
  }
}

function askedPage({ requests }: VendorSimulator): number {
  return Number(requests.at(-1) ?? 1)
}

function latencies(found: readonly Seen[]): Latencies {
  const slowest = found.reduce((slower, seen) => (seen.ms > slower.ms ? seen : slower))
  return {
    unseenMs: slowest.unseenMs,
    waitedMs: found.map(({ ms }) => ms).sort((a, b) => a - b),
    unmatched: found.filter(({ matched }) => !matched).length,
  }
}
