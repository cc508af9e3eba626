import { afterAll, expect, test } from 'vitest'
import { mulberry32 } from '../../../examples/vendor-match/simulator-hostile.ts'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { SynclineError } from '../../../src/runtime/errors.ts'
import { manualSchedule } from '../../support/followed-source.ts'
import { Mirror } from '../../support/mirror.ts'
import { noteSoakFigures, soakSeeds } from '../../support/soak-seeds.ts'
import {
  expectMirrored,
  sweepInto,
  vendorSource,
  vendorUser,
  vendorUsers,
} from '../../support/vendor-source.ts'

/** Somebody inserts, changes and removes users meanwhile. */
function live(simulator: VendorSimulator, random: () => number, id: number): void {
  const users = [...simulator.users()]
  const user = users[Math.floor(random() * users.length)]
  const kind = random()
  if (kind < 0.4) simulator.insert(vendorUser(id), Math.floor(random() * users.length))
  else if (user !== undefined && kind < 0.6) simulator.remove(user.id)
  else if (user !== undefined) simulator.update(user.id, { lastname: `Lean ${id}` })
}

interface Life {
  readonly random: () => number
  readonly id: number
  readonly batches: number
  /** How often a batch is followed by a tick of the schedule; pages are read by themselves between sweeps. */
  readonly ticks: number
  /** Null: nothing says how many pages there are. */
  readonly totalPages: string | null
}

/** One life of the process: it follows until it dies behind so many batches, or fails. Returns the sweeps that ended. */
async function followUntilDeath(
  simulator: VendorSimulator,
  mirror: Mirror,
  { random, id, batches, ticks, totalPages }: Life,
): Promise<number> {
  const { startSchedule, tick } = manualSchedule()
  let sweeps = 0
  const source = vendorSource(simulator, {
    totalPages,
    follow: true,
    requestsPerMinute: 120_000,
    startSchedule,
    maxDeletedShare: 1,
    timeoutMs: 40,
    retry: { attempts: 4, baseMs: 1, maxMs: 2 },
    drift: { missing: 'null', retyped: 'reject', maxShare: 1 },
  })
  let left = batches
  try {
    const { signal } = new AbortController()
    for await (const batch of source.open({ after: mirror.position, ledger: mirror.ledger(), signal })) {
      if (left-- === 0) break
      if (ticks > 0 && random() < ticks) tick()
      if (random() < 0.3) live(simulator, random, id * 1000 + left)
      const alive = new Set([...simulator.users()].map((user) => String(user.id)))
      const gone = batch.changes.flatMap((change) => (change.kind === 'delete' ? change.key : []))
      expect(gone.filter((key) => alive.has(key))).toEqual([])
      // It dies before or after the commit.
      if (left === 0 && random() < 0.5) break
      expect(mirror.apply(batch)).toBe(true)
      if (batch.ledger.some(({ key }) => key === 'sweep')) sweeps++
    }
  } catch (error) {
    // Any fault may end a life; the next one goes on.
    if (!(error instanceof SynclineError)) throw error
  } finally {
    await source.close()
  }
  return sweeps
}

const total = { lives: 0, sweeps: 0 }
afterAll(() => {
  noteSoakFigures('API at its worst', total)
})

const flavours = ['/total_pages', null] as const

test.each(
  soakSeeds([1, 2, 3, 4, 5, 6]).flatMap((seed) => flavours.map((totalPages) => [seed, totalPages] as const)),
)(
  'an API at its worst, seed %i, total %s: no live user is reported gone, and when it is over all is equal',
  async (seed, totalPages) => {
    const simulator = await startVendorSimulator({
      users: vendorUsers(60),
      pageSize: 9,
      etags: seed % 2 === 0,
    })
    const mirror = new Mirror()
    const random = mulberry32(seed + 1e6)
    try {
      simulator.setHostile(seed)
      for (let life = 1; life <= 12; life++) {
        total.sweeps += await followUntilDeath(simulator, mirror, {
          ...{ random, id: life, totalPages, ticks: seed % 3 === 0 ? 0 : 0.2 },
          batches: 1 + Math.floor(random() * 25),
        })
        total.lives++
      }
      simulator.setHostile(null)
      for (let run = 0; run < 3; run++) {
        await sweepInto(mirror, vendorSource(simulator, { maxDeletedShare: 1, totalPages }))
      }
      expectMirrored(mirror, simulator.users())
      expect(mirror.ledgerKeys().filter((key) => key.startsWith('left/'))).toEqual([])
    } finally {
      await simulator.close()
    }
  },
)
