import { afterAll, expect, test } from 'vitest'
import { mulberry32 } from '../../../examples/vendor-match/simulator-hostile.ts'
import type { HttpSource, HttpSourceOptions } from '../../../src/poller/source.ts'
import { SynclineError } from '../../../src/runtime/errors.ts'
import { HostileList, TickingClock } from '../../support/hostile-list.ts'
import { Mirror } from '../../support/mirror.ts'
import { PagedApi } from '../../support/paged-api.ts'
import { pagedFlavours, type PagedFlavour } from '../../support/paged-flavours.ts'
import { noteSoakFigures, soakSeeds } from '../../support/soak-seeds.ts'
import { expectMirrored, sweepInto, vendorSource, vendorUsers } from '../../support/vendor-source.ts'

class HostileLife {
  readonly clock = new TickingClock()
  readonly mirror = new Mirror()
  readonly api: PagedApi
  readonly list: HostileList
  readonly #options: Partial<HttpSourceOptions>

  constructor({ style, options, descending = false }: PagedFlavour, seed: number) {
    this.#options = options
    this.api = new PagedApi(style, vendorUsers(60), 9)
    this.api.descending = descending
    this.list = new HostileList(this.api, this.clock, seed)
  }

  source(options: Partial<HttpSourceOptions>): HttpSource {
    const { clock, list: fetcher } = this
    const url = 'http://paged/users'
    return vendorSource({ url }, { ...this.#options, clock, fetcher, maxDeletedShare: 1, ...options })
  }

  /** One life of the process: it follows until it dies behind so many batches, or fails. Returns the batches. */
  async followUntilDeath(random: () => number, batches: number): Promise<number> {
    const { clock, mirror, api } = this
    const source = this.source({
      ...{ follow: true, startSchedule: clock.startSchedule, requestsPerMinute: 600 },
      ...{ retry: { attempts: 4, baseMs: 1, maxMs: 2 }, random },
      drift: { missing: 'null', retyped: 'reject', maxShare: 1 },
    })
    let read = 0
    try {
      const { signal } = new AbortController()
      for await (const batch of source.open({ after: mirror.position, ledger: mirror.ledger(), signal })) {
        if (read++ === batches) break
        if (random() < 0.3) this.list.live()
        if (random() < 0.01) source.resync?.('vendor_user')
        const before = mirror.rows('vendor_user').map(({ id }) => id)
        // It dies before or after the commit.
        if (read === batches && random() < 0.5) break
        expect(mirror.apply(batch)).toBe(true)
        const held = new Set(mirror.rows('vendor_user').map(({ id }) => id))
        const alive = new Set(api.users().map(({ id }) => String(id)))
        expect(before.filter((id) => alive.has(String(id)) && !held.has(id))).toEqual([])
      }
    } catch (error) {
      // Any fault may end a life; the next one goes on.
      if (!(error instanceof SynclineError)) throw error
    } finally {
      await source.close()
    }
    return read
  }
}

const total = { lives: 0, batches: 0 }
afterAll(() => {
  noteSoakFigures('lists at their worst', total)
})

test.each(
  soakSeeds([1, 3, 8, 27]).flatMap((seed) =>
    Object.entries(pagedFlavours).map(([by, flavour]) => [by, seed, flavour] as const),
  ),
)(
  'a list at its worst, by %s, seed %i: no live user goes, and when it is over all is equal',
  async (_, seed, flavour) => {
    const life = new HostileLife(flavour, seed)
    const random = mulberry32(seed + 1e6)
    for (let left = 12; left > 0; left--) {
      total.batches += await life.followUntilDeath(random, 1 + Math.floor(random() * 40))
      total.lives++
      life.clock.advance(random() < 0.3 ? 3_600_000 : 1000)
    }
    life.list.isHostile = false
    for (let run = 0; run < 3; run++) await sweepInto(life.mirror, life.source({}))
    expectMirrored(life.mirror, life.api.users())
  },
)
