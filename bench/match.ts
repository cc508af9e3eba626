import { parseArgs } from 'node:util'
import type { Change } from '../src/changes/change.ts'
import { drainQueue, drainQueuePiece } from '../src/warehouse/rematch.ts'
import { publish } from '../src/warehouse/publish.ts'
import { People, streams, upsert } from './match/people.ts'
import { BenchWarehouse } from './match/warehouse.ts'

const usage = `How fast a live match follows changes, on the example's dirty data and a Postgres of its own.

  npm run bench match -- [--size 1000000x151677] [--changes 100000] [--seed 1]
`

/** About what gathers while a commit is under way when a source is behind. */
const changesPerBatch = 5_000
/** Latency is measured at 200 changes a second. */
const arrivalMs = 5
const latencyChanges = 2_000

interface Throughput {
  readonly recordsPerSecond: number
  readonly candidatesPerChange: number
  readonly msPerCandidate: number
  readonly roundTripsPerBatch: number
}

async function load(warehouse: BenchWarehouse, people: People): Promise<void> {
  const started = performance.now()
  await warehouse.commit(
    Object.entries(streams).map(([stream, columns]): Change => ({ kind: 'schema', stream, columns })),
  )
  let batch: Change[] = []
  for (const change of people.load()) {
    batch.push(change)
    if (batch.length < changesPerBatch) continue
    await warehouse.commit(batch)
    batch = []
  }
  await warehouse.commit(batch)
  const { session, state } = warehouse
  await drainQueue(session, state, new AbortController().signal)
  const assigning = performance.now()
  for (const match of state.matches) await publish(session, match, state)
  const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1)
  console.log(`loaded in ${seconds(started)} s, of which the publication took ${seconds(assigning)} s`)
}

/** Changes in full batches, one after the other, as a source that is behind brings them. */
async function throughput(warehouse: BenchWarehouse, people: People, changes: number): Promise<Throughput> {
  const batches = Array.from({ length: Math.ceil(changes / changesPerBatch) }, () =>
    Array.from({ length: changesPerBatch }, () => people.change()),
  )
  const before = { roundTrips: warehouse.roundTrips, candidates: warehouse.candidates }
  const started = performance.now()
  for (const batch of batches) await warehouse.commit(batch)
  const ms = performance.now() - started
  const count = batches.length * changesPerBatch
  const candidates = warehouse.candidates - before.candidates
  return {
    recordsPerSecond: Math.round((count * 1000) / ms),
    candidatesPerChange: candidates / count,
    msPerCandidate: ms / candidates,
    roundTripsPerBatch: (warehouse.roundTrips - before.roundTrips) / batches.length,
  }
}

/** Milliseconds from the arrival of each change to its commit; what arrives during a commit is committed as one. */
async function latencies(warehouse: BenchWarehouse, people: People): Promise<number[]> {
  const changes = Array.from({ length: latencyChanges }, () => people.change())
  const started = performance.now()
  const waited: number[] = []
  let next = 0
  while (next < changes.length) {
    const arrived = Math.min(changes.length, Math.floor((performance.now() - started) / arrivalMs) + 1)
    if (arrived === next) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      continue
    }
    await warehouse.commit(changes.slice(next, arrived))
    const now = performance.now() - started
    for (; next < arrived; next++) waited.push(now - next * arrivalMs)
  }
  return waited.sort((a, b) => a - b)
}

/** A practice with a tenth of all users moves while others change: the longest that another change waited, in ms. */
async function fanOut(
  warehouse: BenchWarehouse,
  people: People,
): Promise<{ records: number; stallMs: number; seconds: number }> {
  const { session, state } = warehouse
  const [practice, records] = await session.one(
    `with widest as (select practice_id from warehouse.internal_user group by 1 order by count(*) desc, 1 limit 1),
          moved as (update warehouse.internal_user set practice_id = (select practice_id from widest)
                     where id % 10 = 0 returning id)
     select (select practice_id from widest), (select count(*) from moved)`,
  )
  await session.query(`insert into syncline.match_cause (cause, kind) values (1, 'model')`)
  await session.query(
    `insert into syncline.match_queue (model, side, id, cause)
     select m.model, 'l', u.id::text, 1 from warehouse.internal_user u, syncline.model m where u.id % 10 = 0`,
  )
  await drainQueue(session, state, new AbortController().signal)
  await session.query('vacuum analyze warehouse.internal_user')
  const started = performance.now()
  await warehouse.commit([
    upsert('internal_practice', { id: practice ?? '', name: 'moved', location: 'somewhere else' }),
  ])
  let stallMs = performance.now() - started
  for (;;) {
    const arrived = performance.now()
    const left = await drainQueuePiece(session, state)
    await warehouse.commit([people.change()])
    stallMs = Math.max(stallMs, performance.now() - arrived)
    if (left === 0) break
  }
  return {
    records: Number(records),
    stallMs: Math.round(stallMs),
    seconds: (performance.now() - started) / 1000,
  }
}

async function run({
  internal,
  vendor,
  changes,
  seed,
}: {
  internal: number
  vendor: number
  changes: number
  seed: number
}): Promise<void> {
  const measure = async <T>(
    share: number,
    work: (warehouse: BenchWarehouse, people: People) => Promise<T>,
  ): Promise<T> => {
    const size = { internal: Math.round(internal / share), vendor: Math.round(vendor / share), seed }
    const warehouse = await BenchWarehouse.open(size.internal)
    try {
      const people = new People(size)
      await load(warehouse, people)
      return await work(warehouse, people)
    } finally {
      await warehouse.close()
    }
  }
  const small = await measure(10, (warehouse, people) => throughput(warehouse, people, changes))
  console.log('at a tenth', small)
  await measure(1, async (warehouse, people) => {
    const full = await throughput(warehouse, people, changes)
    console.log('at full size', full)
    const waited = await latencies(warehouse, people)
    const quantile = (share: number): number =>
      Math.round((waited[Math.floor(waited.length * share)] ?? 0) * 10) / 10
    console.log(`latency p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`)
    const wide = await fanOut(warehouse, people)
    console.log('a practice moves', wide)
    const [maxPath, pairs] = await warehouse.session.one(
      `select (select max(longest_path) from syncline.match_figure), (select count(*) from syncline.match_pair where side = 'l')`,
    )
    console.log(`${pairs} pairs stored`)
    console.log(
      JSON.stringify({
        bench: 'match',
        ...{ internal, vendor, changes, seed },
        recordsPerSecond: full.recordsPerSecond,
        candidateCostGrowth: Math.round((full.msPerCandidate / small.msPerCandidate) * 100) / 100,
        candidatesPerChange: Math.round(full.candidatesPerChange * 10) / 10,
        candidatesPerChangeAtTenth: Math.round(small.candidatesPerChange * 10) / 10,
        p50Ms: quantile(0.5),
        p99Ms: quantile(0.99),
        roundTripsPerBatch: Math.round(full.roundTripsPerBatch),
        fanOutRecords: wide.records,
        fanOutStallMs: wide.stallMs,
        maxPath: Number(maxPath),
        peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
      }),
    )
  })
}

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '1000000x151677' },
    changes: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
})
const [internal, vendor] = options.size.split('x').map(Number)
if (!internal || !vendor) {
  console.error(usage)
  process.exitCode = 64
} else {
  await run({ internal, vendor, changes: Number(options.changes), seed: Number(options.seed) })
}
