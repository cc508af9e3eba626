import { expect, test } from 'vitest'
import { mulberry32 } from '../../../examples/vendor-match/simulator-hostile.ts'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { SynclineError } from '../../../src/runtime/errors.ts'
import { Mirror } from '../../support/mirror.ts'
import { soakSeeds } from '../../support/soak-seeds.ts'
import { sweepInto, vendorRow, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

/** Somebody inserts, changes and removes users meanwhile. */
function live(simulator: VendorSimulator, random: () => number, id: number): void {
  const users = [...simulator.users()]
  const user = users[Math.floor(random() * users.length)]
  const kind = random()
  if (kind < 0.4) simulator.insert(vendorUser(id), Math.floor(random() * users.length))
  else if (user !== undefined && kind < 0.6) simulator.remove(user.id)
  else if (user !== undefined) simulator.update(user.id, { lastname: `Lean ${id}` })
}

/** One life of the process: it follows until it dies behind so many batches, or fails. */
async function followUntilDeath(
  simulator: VendorSimulator,
  mirror: Mirror,
  { random, id, batches }: { random: () => number; id: number; batches: number },
): Promise<void> {
  const source = vendorSource(simulator, {
    follow: true,
    requestsPerMinute: 120_000,
    startSchedule: () => () => undefined,
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
      if (random() < 0.3) live(simulator, random, id * 1000 + left)
      const alive = new Set([...simulator.users()].map((user) => String(user.id)))
      const gone = batch.changes.flatMap((change) => (change.kind === 'delete' ? change.key : []))
      expect(gone.filter((key) => alive.has(key))).toEqual([])
      // It dies before or after the commit.
      if (left === 0 && random() < 0.5) break
      expect(mirror.apply(batch)).toBe(true)
    }
  } catch (error) {
    // Any fault may end a life; the next one goes on.
    if (!(error instanceof SynclineError)) throw error
  } finally {
    await source.close()
  }
}

test.each(soakSeeds([1, 2, 3, 4, 5, 6]))(
  'an API at its worst, seed %i: no live user is reported gone, and when it is over all is equal',
  async (seed) => {
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
        await followUntilDeath(simulator, mirror, {
          random,
          id: life,
          batches: 1 + Math.floor(random() * 25),
        })
      }
      simulator.setHostile(null)
      for (let run = 0; run < 3; run++) {
        await sweepInto(mirror, vendorSource(simulator, { maxDeletedShare: 1 }))
      }
      const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
      expect(sorted(mirror.rows('vendor_user'))).toEqual(sorted([...simulator.users()].map(vendorRow)))
      expect(mirror.ledgerKeys().filter((key) => key.startsWith('left/'))).toEqual([])
    } finally {
      await simulator.close()
    }
  },
)
