import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { Releasers } from '../src/runtime/releasers.ts'
import { Arrival } from './match/arrival.ts'
import { countWork } from './match/counting.ts'
import { findDifferences } from './match/differences.ts'
import { People } from './match/people.ts'
import { startFilled } from './match/systems.ts'
import { sendBeacon, writeBacklog, writeSteadily } from './match/workload.ts'
import type { Systems } from './tail/systems.ts'

const usage = `How fast a running Syncline lets a match follow the log of a MySQL, on the example's dirty data, servers and all on
this machine. Nine changes in ten are internal; people join, leave and move, and half of the other changes touch a name.

  npm run bench match -- [--size 1000000x151677] [--changes 100000] [--seed 1] [--verify]

  --changes   of the backlog that is drained
  --verify    compares mirrors with the source, records with the mirrors, and the match with a batch, at the end

recordsPerSecond     changes drained from the log to committed warehouse rows, start-up left out
candidateCostGrowth  time per evaluated candidate pair, to that at a tenth of the size
changeCostGrowth     time per change, likewise: larger data have more candidates, but this is what one waits for
p50Ms, p99Ms         at 200 changes/s, from the source's commit to visibility in the warehouse
fanOutStallMs        the longest that one of 200 changes/s took while a practice with a tenth of all users moved
roundTripsPerBatch   statements of a commit of 5,000 changes; those that nobody waits for are among them
peakRssMb            of the process of Syncline
`

interface Settings {
  readonly internal: number
  readonly vendor: number
  readonly changes: number
  readonly seed: number
  readonly verify: boolean
}

const perSecond = 200
const steadySeconds = 20

/** Beacons of the parts of the bench, far enough apart. */
const beacons = { loaded: 1, backlog: 10, steady: 10_000_000, gathered: 20_000_000, moved: 30_000_000 }

interface Drained {
  readonly recordsPerSecond: number
  readonly candidatesPerChange: number
  readonly statementsPerBatch: number
  readonly peakRssMb: number
}

class Bench {
  readonly systems: Systems
  readonly people: People
  readonly arrival: Arrival
  peakRssMb = 0
  #daemon: ReturnType<Systems['startDaemon']> | undefined

  private constructor(systems: Systems, people: People, arrival: Arrival) {
    this.systems = systems
    this.people = people
    this.arrival = arrival
  }

  static async open(
    size: Pick<Settings, 'internal' | 'vendor' | 'seed'>,
    releasers: Releasers,
  ): Promise<Bench> {
    const people = new People(size)
    const systems = await startFilled(people, { ...size, note }, releasers)
    const arrival = await Arrival.open(systems.postgresUrl)
    releasers.push(() => arrival.session.close())
    return new Bench(systems, people, arrival)
  }

  async load(): Promise<void> {
    const began = performance.now()
    this.#daemon = this.systems.startDaemon()
    await sendBeacon(this.systems.mysqlUrl, beacons.loaded)
    await this.arrival.untilPublished()
    await this.arrival.untilBeacon(beacons.loaded)
    note(`loaded and matched in ${seconds(began)} s`)
  }

  async stop(): Promise<void> {
    this.peakRssMb = Math.max(this.peakRssMb, (await this.#daemon?.peakRssMb()) ?? 0)
    await this.#daemon?.stop()
  }

  /** Changes a second, from the first beacon of the backlog that is visible to its end. */
  async drain(changes: number): Promise<number> {
    const { mysqlUrl } = this.systems
    await this.stop()
    const writing = performance.now()
    await writeBacklog(mysqlUrl, this.people, { changes, firstBeacon: beacons.backlog })
    note(`wrote ${changes} changes in ${seconds(writing)} s`)
    this.#daemon = this.systems.startDaemon()
    while ((await this.arrival.beacon()) <= beacons.backlog) await sleep(5)
    const first = (await this.arrival.beacon()) - beacons.backlog
    const began = performance.now()
    await this.arrival.untilBeacon(beacons.backlog + changes + 1)
    await this.arrival.untilDrained()
    return (Math.max(0, changes - first) * 1000) / (performance.now() - began)
  }

  /** Of changes at a steady rate, until there are so many. */
  async delays(firstBeacon: number, until: (written: number) => boolean): Promise<number[]> {
    const times: number[] = []
    let isWriting = true
    const watching = this.arrival.delays(firstBeacon, times, () => isWriting)
    await writeSteadily(this.systems.mysqlUrl, this.people, { perSecond, firstBeacon, times, until })
    isWriting = false
    return (await watching).sort((a, b) => a - b)
  }

  /** A tenth of all users go to one practice, and then it moves while others change. */
  async moveWidePractice(): Promise<{ records: number; delays: number[]; seconds: number }> {
    const { mysqlUrl } = this.systems
    const connection = await createConnection(mysqlUrl)
    const [[widest]] = await connection.query<RowDataPacket[]>(
      'select practice_id as id from user group by 1 order by count(*) desc, 1 limit 1',
    )
    const practice = Number(widest?.['id'])
    await sendBeacon(
      mysqlUrl,
      beacons.gathered,
      `update user set practice_id = ${practice} where id % 10 = 0`,
    )
    await this.arrival.untilBeacon(beacons.gathered)
    await this.arrival.untilDrained()
    const [[gathered]] = await connection.query<RowDataPacket[]>(
      'select count(*) as users from user where practice_id = ?',
      [practice],
    )
    await connection.end()
    const began = performance.now()
    const moving = `update user_practice set location = 'somewhere else' where id = ${practice}`
    await sendBeacon(mysqlUrl, beacons.moved, moving)
    let drained = false
    const waiting = this.arrival.untilBeacon(beacons.moved).then(async () => {
      const watcher = await Arrival.open(this.systems.postgresUrl)
      await watcher.untilDrained()
      await watcher.session.close()
      drained = true
    })
    const delays = await this.delays(beacons.moved + 1, () => drained)
    await waiting
    return {
      records: Number(gathered?.['users']),
      delays,
      seconds: (performance.now() - began) / 1000,
    }
  }
}

async function drained(bench: Bench, changes: number): Promise<number> {
  await bench.load()
  const perSecond = await bench.drain(changes)
  note(`${Math.round(perSecond)} changes/s drained`)
  return perSecond
}

async function atTenth({ internal, vendor, changes, seed }: Settings): Promise<Drained> {
  const releasers = new Releasers()
  try {
    const size = { internal: Math.round(internal / 10), vendor: Math.round(vendor / 10), seed }
    const bench = await Bench.open(size, releasers)
    const recordsPerSecond = await drained(bench, changes)
    await bench.stop()
    return { recordsPerSecond, ...(await countWork(bench.systems, bench.people)), peakRssMb: bench.peakRssMb }
  } finally {
    await releasers.release()
  }
}

async function run(settings: Settings): Promise<void> {
  const small = await atTenth(settings)
  const releasers = new Releasers()
  try {
    const bench = await Bench.open(settings, releasers)
    const recordsPerSecond = await drained(bench, settings.changes)
    note(`latency at ${perSecond} changes/s`)
    const delays = await bench.delays(beacons.steady, (written) => written >= perSecond * steadySeconds)
    note('a practice with a tenth of all users moves')
    const wide = await bench.moveWidePractice()
    const differences = settings.verify ? await findDifferences(bench.systems, bench.arrival.session) : null
    await bench.stop()
    const { candidatesPerChange, statementsPerBatch } = await countWork(bench.systems, bench.people)
    const [maxPath, pairs] = await bench.arrival.session.one(
      `select (select max(longest_path) from syncline.match_figure),
              (select count(*) from syncline.match_pair where side = 'l')`,
    )
    const msPerChange = (perSecond: number): number => 1000 / perSecond
    const changeCostGrowth = msPerChange(recordsPerSecond) / msPerChange(small.recordsPerSecond)
    const candidatesGrowth = candidatesPerChange / small.candidatesPerChange
    const result = {
      bench: 'match',
      ...settings,
      recordsPerSecond: Math.round(recordsPerSecond),
      recordsPerSecondAtTenth: Math.round(small.recordsPerSecond),
      changeCostGrowth: rounded(changeCostGrowth, 2),
      candidateCostGrowth: rounded(changeCostGrowth / candidatesGrowth, 2),
      candidatesPerChange: rounded(candidatesPerChange, 2),
      candidatesPerChangeAtTenth: rounded(small.candidatesPerChange, 2),
      p50Ms: quantile(delays, 0.5),
      p99Ms: quantile(delays, 0.99),
      roundTripsPerBatch: Math.round(statementsPerBatch),
      fanOutRecords: wide.records,
      fanOutSeconds: rounded(wide.seconds, 1),
      fanOutStallMs: quantile(wide.delays, 1),
      fanOutP99Ms: quantile(wide.delays, 0.99),
      maxPath: Number(maxPath),
      pairs: Number(pairs),
      peakRssMb: Math.round(bench.peakRssMb),
      differences,
      cores: availableParallelism(),
    }
    for (const [name, value] of Object.entries(result)) console.log(name.padEnd(28), value)
    console.log(JSON.stringify(result))
  } finally {
    await releasers.release()
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return rounded(sorted[Math.floor((sorted.length - 1) * share)] ?? NaN, 1)
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1)

function note(text: string): void {
  console.error(text)
}

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '1000000x151677' },
    changes: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    verify: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const [internal, vendor] = options.size.split('x').map(Number)
if (options.help) console.log(usage)
else if (!internal || !vendor) {
  console.error(usage)
  process.exitCode = 64
} else {
  const { changes, seed, verify } = options
  await run({ internal, vendor, changes: Number(changes), seed: Number(seed), verify })
}
