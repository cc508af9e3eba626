import { parseArgs } from 'node:util'
import { startVendorSimulator } from '../examples/vendor-match/simulator.ts'
import { mulberry32 } from '../examples/vendor-match/simulator-hostile.ts'
import { createHttpSource } from '../src/poller/source.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { silentLogger } from '../src/runtime/logger.ts'
import { MemoryLedger } from './poll/memory-ledger.ts'
import { boundMs, simulateYear, type Year, type YearOptions } from './poll/year.ts'

const usage = `What reading a paged API costs, and what the adaptive schedule gains.

  npm run bench poll -- [--days 365] [--seed 1]

A sweep of 152 unchanged pages with ETags on loopback, without a warehouse; then a simulated year of 151,677 records of
which 1,000 change and 40 come and go a day, read within a budget of two requests a minute: by round robin, by the best
schedule that knows the true rates, and by the product's with a daily sweep and a bound of five round robins.
`

/** Seconds of the fastest of five sweeps over unchanged pages, and bodies sent in them. */
async function sweepUnchanged(users: number): Promise<{ seconds: number; bodyBytes: number }> {
  const simulator = await startVendorSimulator({
    etags: true,
    users: Array.from({ length: users }, (_, id) => ({
      ...{ id, firstname: 'Melanie', lastname: `Baughman ${id}`, last_active_date: '2017-02-01' },
      ...{ practice_location: 'bay_minette', specialty: 'Cardiology', user_type_classification: 'Leader' },
    })),
  })
  const texts = ['firstname', 'lastname', 'specialty', 'practice_location', 'user_type_classification']
  const ledger = new MemoryLedger()
  const sweep = async (): Promise<number> => {
    const source = createHttpSource({
      ...{ name: 'vendor', url: simulator.url, stream: 'vendor_user', key: ['id'] },
      ...{ records: '/users', totalPages: '/total_pages', concurrency: 4, timeoutMs: 30_000 },
      page: { by: 'number', param: 'page', first: 1 },
      columns: [
        { name: 'id', type: 'bigint' },
        ...texts.map((name) => ({ name, type: 'text' })),
        { name: 'last_active_date', type: 'date' },
      ],
      maxBodyBytes: 64 * 2 ** 20,
      retry: { attempts: 1, baseMs: 1, maxMs: 1 },
      ...{ log: silentLogger, clock: systemClock },
    })
    const started = performance.now()
    const { signal } = new AbortController()
    for await (const batch of source.open({ after: ledger.position, ledger, signal })) ledger.apply(batch)
    await source.close()
    return (performance.now() - started) / 1000
  }
  await sweep()
  await sweep()
  const before = simulator.bodyBytes
  const times: number[] = []
  for (let run = 0; run < 5; run++) times.push(await sweep())
  await simulator.close()
  return { seconds: Math.min(...times), bodyBytes: simulator.bodyBytes - before }
}

/** Rates by rank in the order, or by rank in an order that has nothing to do with it. */
function zipf(records: number, shuffled: boolean): (place: number) => number {
  const rank = Float64Array.from({ length: records }, (_, place) => place)
  const random = mulberry32(7)
  for (let place = records - 1; shuffled && place > 0; place--) {
    const other = Math.floor(random() * (place + 1))
    const kept = rank[place] ?? 0
    rank[place] = rank[other] ?? 0
    rank[other] = kept
  }
  return (place) => ((rank[place] ?? 0) + 1) ** -1.2
}

interface Compared {
  readonly robin: Year
  readonly best: Year
  readonly ours: Year
}

function compare(name: string, options: YearOptions): Compared {
  const robin = simulateYear(options, 'round-robin')
  const best = simulateYear(options, 'true-rates')
  const ours = simulateYear(options, 'adaptive')
  const minutes = (year: Year): string => (year.staleness / 60_000).toFixed(1).padStart(8)
  const bound = ((ours.oldest / boundMs(options)) * 100).toFixed(0)
  console.log(
    `${name.padEnd(28)}${minutes(robin)}${minutes(best)}${minutes(ours)}   ${shareOfGain({ robin, best, ours })}   ${bound}%`,
  )
  return { robin, best, ours }
}

const shareOfGain = ({ robin, best, ours }: Compared): string =>
  robin.staleness - best.staleness < robin.staleness / 100
    ? '   –'
    : ((robin.staleness - ours.staleness) / (robin.staleness - best.staleness)).toFixed(2)

const { values: options } = parseArgs({
  options: {
    days: { type: 'string', default: '365' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})

async function run(): Promise<void> {
  const { seconds, bodyBytes } = await sweepUnchanged(151_677)
  console.log(`152 unchanged pages: ${seconds.toFixed(3)} s, ${bodyBytes} bytes of bodies\n`)
  const records = 151_677
  const year = {
    ...{ records, pageSize: 1000, changesPerDay: 1000, movesPerDay: 40, spacingMs: 30_000 },
    days: Number(options.days),
    seed: Number(options.seed),
  }
  console.log('minutes until a change is read     robin    best    ours   gain   of the bound')
  const stable = compare('Zipf 1.2 along the order', { ...year, rateAt: zipf(records, false) })
  compare('Zipf 1.2 across the order', { ...year, rateAt: zipf(records, true) })
  const uniform = compare('uniform', { ...year, rateAt: () => 1 })
  console.log(
    JSON.stringify({
      bench: 'poll',
      sweepSeconds: Number(seconds.toFixed(3)),
      shareOfBestGain: Number(shareOfGain(stable)),
      uniformVsRoundRobin: Number((uniform.ours.staleness / uniform.robin.staleness).toFixed(3)),
      requestsPerChange: Number((stable.ours.requests / stable.ours.changes).toFixed(2)),
    }),
  )
}

if (options.help) console.log(usage)
else await run()
