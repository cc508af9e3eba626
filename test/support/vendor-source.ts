import { expect } from 'vitest'
import type { VendorSimulator, VendorUser } from '../../examples/vendor-match/simulator.ts'
import { createHttpSource, type HttpSource, type HttpSourceOptions } from '../../src/poller/source.ts'
import { systemClock, type Clock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { Mirror } from './mirror.ts'

export const vendorColumns: HttpSourceOptions['columns'] = [
  { name: 'id', type: 'bigint' },
  { name: 'firstname', type: 'text' },
  { name: 'lastname', type: 'text' },
  { name: 'specialty', type: 'text' },
  { name: 'practice_location', type: 'text' },
  { name: 'user_type_classification', type: 'text' },
  { name: 'last_active_date', type: 'date' },
]

export function vendorUser(id: number, changes: Partial<VendorUser> = {}): VendorUser {
  return {
    firstname: 'Melanie',
    id,
    last_active_date: '2017-02-01',
    lastname: `Baughman ${id}`,
    practice_location: 'bay_minette',
    specialty: 'Cardiology',
    user_type_classification: 'Leader',
    ...changes,
  }
}

export function vendorUsers(count: number, first = 1): VendorUser[] {
  return Array.from({ length: count }, (_, index) => vendorUser(first + index))
}

/** What the mirror must hold of a user. */
export function vendorRow(user: VendorUser): Record<string, string | null> {
  const row: Record<string, string | null> = {}
  for (const { name } of vendorColumns) {
    const value = user[name as keyof VendorUser] ?? null
    row[name] = value === null ? null : String(value)
  }
  return row
}

/** The mirror holds exactly the users, in whatever order. */
export function expectMirrored(mirror: Mirror, users: Iterable<VendorUser>): void {
  const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
  expect(sorted(mirror.rows('vendor_user'))).toEqual(sorted([...users].map(vendorRow)))
}

/** Retries without waiting; what was waited for is kept. */
export function fakeClock(start = Date.parse('2017-02-02T00:00:00Z')): Clock & { readonly slept: number[] } {
  const slept: number[] = []
  let now = start
  return {
    slept,
    now: () => now,
    sleep: (ms, signal) => {
      signal?.throwIfAborted()
      slept.push(ms)
      now += ms
      return Promise.resolve()
    },
  }
}

export function vendorSource(
  { url }: Pick<VendorSimulator, 'url'>,
  options: Partial<HttpSourceOptions> = {},
): HttpSource {
  return createHttpSource({
    name: 'vendor',
    url,
    stream: 'vendor_user',
    records: '/users',
    totalPages: '/total_pages',
    page: { by: 'number', param: 'page', first: 1 },
    key: ['id'],
    columns: vendorColumns,
    concurrency: 4,
    timeoutMs: 5_000,
    maxBodyBytes: 4 * 2 ** 20,
    retry: { attempts: 3, baseMs: 1, maxMs: 5 },
    log: silentLogger,
    clock: systemClock,
    ...options,
  })
}

/**
 * One run of the source into the mirror, closing it; what it delivered is counted. Ends as a run does when so much vanished
 * that nothing is deleted: with the question.
 */
export async function sweepInto(
  mirror: Mirror,
  source: HttpSource,
): Promise<{ batches: number; upserts: number; deletes: number; pending: number; ledgerKeys: string[] }> {
  const counts = { batches: 0, upserts: 0, deletes: 0, pending: 0 }
  const ledgerKeys: string[] = []
  try {
    const { signal } = new AbortController()
    for await (const batch of source.open({ after: mirror.position, ledger: mirror.ledger(), signal })) {
      if (!mirror.apply(batch)) throw new Error(`the batch after ${String(batch.before)} does not follow`)
      counts.batches++
      counts.upserts += batch.changes.filter((change) => change.kind === 'upsert').length
      counts.deletes += batch.changes.filter((change) => change.kind === 'delete').length
      ledgerKeys.push(...batch.ledger.map(({ key }) => key))
      if (batch.vanished?.refusal) throw batch.vanished.refusal
    }
  } finally {
    await source.close()
  }
  return { ...counts, ledgerKeys, pending: source.pendingDeletions() }
}
