import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { packageFile } from '../src/runtime/package-file.ts'
import { Releasers } from '../src/runtime/releasers.ts'
import { Session } from '../src/state/session.ts'
import { measureLatency } from './tail/latency.ts'
import { startSystems, type Daemon, type Systems } from './tail/systems.ts'
import { createTables, sendBeacon, writeAtOnce, writeBulk, writeSingly } from './tail/workload.ts'

const usage = `How fast a running Syncline follows a MySQL or MariaDB into mirrored tables, servers and all on this machine.

  npm run bench tail -- [--flavour mariadb|mysql] [--rows 1000000] [--transactions 60000] [--huge 2000000]

  --rows           row changes of the backlog in transactions of 1,000 rows: inserts, and 4 updates to 6 inserts
  --transactions   of one row each
  --huge           rows of one single transaction; 0 leaves it out
`

interface Settings {
  readonly flavour: 'mariadb' | 'mysql'
  readonly rows: number
  readonly transactions: number
  readonly huge: number
}

const config = `
warehouse: { url: "\${WAREHOUSE_URL}" }
sources:
  shop:
    type: mysql
    url: \${MYSQL_URL}
    tables: { purchase: { as: purchase }, beacon: { as: beacon } }
`

const perTransaction = 1_000
/** What may have been there when the clock of a backlog began, which is then not counted: one batch. */
const firstBatchRows = 10_000
const liveMs = 10_000

async function run(settings: Settings): Promise<void> {
  const releasers = new Releasers()
  try {
    const systems = await startSystems({ ...settings, config, note }, releasers)
    const { mysqlUrl } = systems
    await createTables(mysqlUrl)
    const warehouse = await Session.connect({ url: systems.postgresUrl, applicationName: 'bench' })
    releasers.push(() => warehouse.close())
    const arrival = async (name: string): Promise<void> => untilArrived(warehouse, name)

    let daemon = systems.startDaemon()
    await sendBeacon(mysqlUrl, 'snapshot')
    await arrival('snapshot')
    await daemon.stop()

    note(`a backlog of ${settings.rows} row changes in transactions of ${perTransaction}`)
    const start = await logPlace(mysqlUrl)
    const inserts = Math.round(settings.rows * 0.6)
    const updates = settings.rows - inserts
    await writeBulk(mysqlUrl, { firstId: 1, inserts, updates, perTransaction })
    await sendBeacon(mysqlUrl, 'bulk')
    const bulkSeconds = await drain(systems, arrival, 'bulk')
    const rowsPerSecond = Math.max(0, settings.rows - firstBatchRows) / bulkSeconds.seconds
    await bulkSeconds.daemon.stop()
    note('the same backlog, only decoded')
    const bareSeconds = await bareDecoding(mysqlUrl, start, 'bulk')

    note(`a backlog of ${settings.transactions} transactions of one row`)
    await writeSingly(mysqlUrl, { firstId: 100_000_000, count: settings.transactions, writers: 16 })
    await sendBeacon(mysqlUrl, 'single')
    const single = await drain(systems, arrival, 'single')
    daemon = single.daemon

    note('live writers')
    const live = await writeLive(mysqlUrl)
    await sendBeacon(mysqlUrl, 'live')
    await arrival('live')
    const liveRowsPerSecond = live.rows / ((performance.now() - live.started) / 1000)

    note('latency at 500 transactions a second')
    const { p50Ms, p99Ms } = await measureLatency(mysqlUrl, systems.postgresUrl)
    let peakRssMb = await daemon.peakRssMb()

    let hugeSeconds: number | null = null
    if (settings.huge > 0) {
      note(`one transaction of ${settings.huge} rows`)
      await writeAtOnce(mysqlUrl, { firstId: 1_000_000_000, count: settings.huge })
      const began = performance.now()
      await sendBeacon(mysqlUrl, 'huge')
      await arrival('huge')
      hugeSeconds = (performance.now() - began) / 1000
      peakRssMb = Math.max(peakRssMb, await daemon.peakRssMb())
    }
    const wrong = await countDifferences(mysqlUrl, warehouse)
    const bareRowsPerSecond = settings.rows / bareSeconds
    const result = {
      bench: 'tail',
      rowsPerSecond: Math.round(rowsPerSecond),
      liveRowsPerSecond: Math.round(liveRowsPerSecond),
      writtenRowsPerSecond: Math.round(live.rows / live.seconds),
      transactionsPerSecond: Math.round(Math.max(0, settings.transactions - firstBatchRows) / single.seconds),
      bareRowsPerSecond: Math.round(bareRowsPerSecond),
      decodeRatio: Number((rowsPerSecond / bareRowsPerSecond).toFixed(3)),
      p50Ms,
      p99Ms,
      hugeTransactionSeconds: hugeSeconds === null ? null : Number(hugeSeconds.toFixed(1)),
      peakRssMb: Math.round(peakRssMb),
      rowsThatDiffer: wrong,
      flavour: settings.flavour,
      cores: availableParallelism(),
    }
    for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(28)}${String(value)}`)
    console.log(JSON.stringify(result))
  } finally {
    await releasers.release()
  }
}

/** From the moment at which the first of the backlog is seen in the warehouse, start-up left out, to its last. */
async function drain(
  systems: Systems,
  arrival: (name: string) => Promise<void>,
  name: string,
): Promise<{ seconds: number; daemon: Daemon }> {
  const session = await Session.connect({ url: systems.postgresUrl, applicationName: 'bench' })
  try {
    const position = async (): Promise<string | null> =>
      (await session.query(`select position from syncline.source`))[0]?.[0] ?? null
    const before = await position()
    const daemon = systems.startDaemon()
    while ((await position()) === before) await sleep(2)
    const began = performance.now()
    await arrival(name)
    return { seconds: (performance.now() - began) / 1000, daemon }
  } finally {
    await session.close()
  }
}

async function untilArrived(session: Session, name: string): Promise<void> {
  for (;;) {
    const [there] = await session.one(`select to_regclass('warehouse.beacon') is not null`)
    if (there === 't') {
      const found = await session.query('select from warehouse.beacon where name = $1', [name])
      if (found.length > 0) return
    }
    await sleep(2)
  }
}

async function logPlace(mysqlUrl: string): Promise<{ file: string; offset: string }> {
  const connection = await createConnection(mysqlUrl)
  try {
    const [[row]] = await connection
      .query<RowDataPacket[]>('show binary log status')
      .catch(() => connection.query<RowDataPacket[]>('show master status'))
    return { file: String(row?.['File']), offset: String(row?.['Position']) }
  } finally {
    await connection.end()
  }
}

async function bareDecoding(
  mysqlUrl: string,
  { file, offset }: { file: string; offset: string },
  beacon: string,
): Promise<number> {
  const program = packageFile('dist', 'bench', 'tail', 'bare-decoding.js')
  const child = spawn(process.execPath, [program, mysqlUrl, file, offset, beacon], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  await once(child, 'close')
  const seconds = Number(printed)
  if (!(seconds > 0)) throw new Error('the bare decoding came to no end')
  return seconds
}

async function writeLive(mysqlUrl: string): Promise<{ rows: number; seconds: number; started: number }> {
  const started = performance.now()
  const rows = 200
  let written = 0
  await Promise.all(
    [0, 1].map(async (writer) => {
      for (let n = 0; performance.now() - started < liveMs; n++) {
        const firstId = 200_000_000 + writer * 50_000_000 + n * rows
        await writeBulk(mysqlUrl, { firstId, inserts: rows, updates: rows, perTransaction: rows })
        written += 2 * rows
      }
    }),
  )
  return { rows: written, seconds: (performance.now() - started) / 1000, started }
}

/** The rows of both sides by count and by a sum over what they hold. */
async function countDifferences(mysqlUrl: string, warehouse: Session): Promise<number> {
  const connection = await createConnection({ uri: mysqlUrl, decimalNumbers: false })
  try {
    const [[row]] = await connection.query<RowDataPacket[]>(
      `select count(*) as n, sum(amount) as amount, sum(state = 'shipped') as shipped, sum(id % 1000003) as ids from purchase`,
    )
    const [n, amount, shipped, ids] = await warehouse.one(
      `select count(*), sum(amount), count(*) filter (where state = 'shipped'), sum(id % 1000003) from warehouse.purchase`,
    )
    const source = [row?.['n'], row?.['amount'], row?.['shipped'], row?.['ids']].map(String)
    const same = source.every((value, place) => value === [n, amount, shipped, ids][place])
    return same ? 0 : Math.max(1, Math.abs(Number(row?.['n']) - Number(n)))
  } finally {
    await connection.end()
  }
}

function note(text: string): void {
  console.error(text)
}

const { values } = parseArgs({
  options: {
    flavour: { type: 'string', default: 'mariadb' },
    rows: { type: 'string', default: '1000000' },
    transactions: { type: 'string', default: '60000' },
    huge: { type: 'string', default: '2000000' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(usage)
else {
  await run({
    flavour: values.flavour === 'mysql' ? 'mysql' : 'mariadb',
    rows: Number(values.rows),
    transactions: Number(values.transactions),
    huge: Number(values.huge),
  })
}
