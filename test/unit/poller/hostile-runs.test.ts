import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Fault } from '../../../examples/vendor-match/simulator-faults.ts'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { Mirror } from '../../support/mirror.ts'
import {
  fakeClock,
  sweepInto,
  vendorRow,
  vendorSource,
  vendorUser,
  vendorUsers,
} from '../../support/vendor-source.ts'

type Act = (simulator: VendorSimulator, place: number) => void

let nextId = 1000

const live: Record<string, Act> = {
  insert: (simulator, place) => {
    simulator.insert(vendorUser(nextId++), place)
  },
  remove: (simulator, place) => {
    const user = [...simulator.users()][place]
    if (user !== undefined) simulator.remove(user.id)
  },
  update: (simulator, place) => {
    const user = [...simulator.users()][place]
    if (user !== undefined) simulator.update(user.id, { lastname: `Lean ${nextId++}` })
  },
  resize: (simulator, place) => {
    simulator.pageSize = 1 + (place % 9)
  },
  reorder: (simulator) => {
    simulator.setUsers([...simulator.users()].reverse())
  },
}

const faults: ((simulator: VendorSimulator, place: number) => Fault)[] = [
  () => ({ kind: 'status', status: 500 }),
  () => ({ kind: 'status', status: 429, headers: { 'retry-after': '1' } }),
  () => ({ kind: 'status', status: 404 }),
  () => ({ kind: 'reset' }),
  () => ({ kind: 'truncated' }),
  () => ({ kind: 'html' }),
  () => ({ kind: 'empty' }),
  (_, place) => ({ kind: 'total', total: place % 8 }),
  (_, place) => ({ kind: 'other-page', page: 1 + (place % 4) }),
  (simulator) => ({ kind: 'stale', records: simulator.snapshot() }),
]

/** An answer that is well-formed and wrong, again and again the same, cannot be told from the truth: so just once. */
const lies: ReadonlySet<Fault['kind']> = new Set(['stale', 'other-page', 'total'])

const place = fc.nat({ max: 30 })
const step = fc.record({
  kind: fc.constantFrom(...Object.keys(live)),
  place,
  /** Null: between two runs, else when this page is asked for. */
  page: fc.option(fc.integer({ min: 1, max: 6 })),
  fault: fc.option(fc.constantFrom(...faults)),
  faultTimes: fc.integer({ min: 1, max: 4 }),
  faultPages: fc.option(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 2 })),
  /** Batches after which the process dies. */
  diesAfter: fc.option(fc.nat({ max: 8 })),
})

/** Reads until the end, a failure or the death of the process; commits what it got, watching deletions. */
async function run(simulator: VendorSimulator, mirror: Mirror, diesAfter: number | null): Promise<void> {
  const source = vendorSource(simulator, { clock: fakeClock(), maxDeletedShare: 1 })
  let committed = 0
  try {
    const { signal } = new AbortController()
    for await (const batch of source.open({ after: mirror.position, ledger: mirror.ledger(), signal })) {
      if (committed++ === diesAfter) break
      const alive = new Set([...simulator.users()].map(({ id }) => String(id)))
      const gone = batch.changes.flatMap((change) => (change.kind === 'delete' ? change.key : []))
      expect(gone.filter((id) => alive.has(id))).toEqual([])
      expect(mirror.apply(batch)).toBe(true)
    }
  } catch (error) {
    // Any fault may end a run; the next one goes on.
    expect(error).toHaveProperty('code')
  } finally {
    await source.close()
  }
}

test('whatever an API did and wherever the process died, no live user is reported gone and in the end all is equal', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      async (steps, pageSize) => {
        const simulator = await startVendorSimulator({ users: vendorUsers(20), pageSize })
        const mirror = new Mirror()
        try {
          for (const { kind, place, page, fault, faultTimes, faultPages, diesAfter } of steps) {
            const act = (): void => live[kind]?.(simulator, place)
            if (fault !== null) {
              const wrong = fault(simulator, place)
              simulator.faults.add({
                ...wrong,
                times: lies.has(wrong.kind) ? 1 : faultTimes,
                ...(faultPages === null ? {} : { pages: faultPages }),
              })
            }
            if (page === null) act()
            else simulator.faults.add({ kind: 'meanwhile', pages: [page], times: 1, act })
            await run(simulator, mirror, diesAfter)
          }
          simulator.faults.clear()
          for (let settled = 0; settled < 3; settled++) {
            await sweepInto(mirror, vendorSource(simulator, { maxDeletedShare: 1 }))
          }
          const byId = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
          expect(byId(mirror.rows('vendor_user'))).toEqual(byId([...simulator.users()].map(vendorRow)))
          expect(mirror.rejected).toEqual([])
          expect(mirror.ledgerKeys().filter((key) => /^left\//.test(key))).toEqual([])
        } finally {
          await simulator.close()
        }
      },
    ),
    { numRuns: 60 },
  )
}, 60_000)
