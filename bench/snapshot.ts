import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { evaluate } from '../examples/vendor-match/evaluate.ts'
import { generate, type GeneratedData } from '../examples/vendor-match/generate.ts'
import { Releasers } from '../src/runtime/releasers.ts'
import { Session } from '../src/state/session.ts'
import { measureFloor } from './snapshot/floor.ts'
import { readSettings } from './snapshot/settings.ts'
import { cpuOfTree, runSyncline } from './snapshot/syncline-run.ts'
import { startSystems, type Systems } from './snapshot/systems.ts'

const usage = `How long the snapshot of the example vendor-match takes, beside the least that any snapshot must do.

  npm run bench snapshot -- [--size 1000000x151677] [--scale 1] [--dirty] [--flavour mariadb|mysql] [--seed 1]

  --scale 10   ten times the internal users
`

interface Settings {
  readonly internal: number
  readonly vendor: number
  readonly scale: number
  readonly seed: number
  readonly dirty: boolean
  readonly flavour: 'mariadb' | 'mysql'
}

async function run({ internal, vendor, scale, seed, dirty, flavour }: Settings): Promise<void> {
  const releasers = new Releasers()
  try {
    note(`making up ${internal * scale} internal and ${vendor} vendor users`)
    const data = generate({ internal: internal * scale, vendor, seed, dirty })
    const systems = await startSystems(data, { flavour, note }, releasers)
    printRows([
      ...(await readSettings(systems.mysqlUrl, systems.postgresUrl)),
      ['node', process.version],
      ['cores', String(availableParallelism())],
    ])
    note('the floor')
    const floorSeconds = await measureFloor({
      ...systems,
      warehouseUrl: await createDatabase(systems.postgresUrl, 'floor'),
    })
    note('the snapshot')
    const warehouseUrl = await createDatabase(systems.postgresUrl, 'snapshot')
    const cpuBefore = await cpuOfTree(systems.postgresPid)
    const figures = await runSyncline(systems.configFile, environmentOf(systems, data, warehouseUrl))
    const postgresCpuSeconds = (await cpuOfTree(systems.postgresPid)) - cpuBefore
    const outcome = await readOutcome(warehouseUrl, data)
    const result = {
      bench: 'snapshot',
      seconds: Number(figures.seconds.toFixed(1)),
      floorSeconds: Number(floorSeconds.toFixed(1)),
      ratio: Number((figures.seconds / floorSeconds).toFixed(2)),
      peakRssMb: Math.round(figures.peakRssMb),
      cpuSeconds: Number(figures.cpuSeconds.toFixed(1)),
      postgresCpuSeconds: Number(postgresCpuSeconds.toFixed(1)),
      ...outcome,
      internal: data.internalCount,
      vendor: data.vendorCount,
      dirty,
      flavour,
    }
    printRows(Object.entries(result).map(([name, value]) => [name, String(value)]))
    console.log(JSON.stringify(result))
  } finally {
    await releasers.release()
  }
}

function environmentOf(systems: Systems, data: GeneratedData, warehouseUrl: string): Record<string, string> {
  return {
    INTERNAL_MYSQL_URL: systems.mysqlUrl,
    VENDOR_API_URL: systems.apiUrl,
    WAREHOUSE_URL: warehouseUrl,
    INTERNAL_USERS: String(data.internalCount),
  }
}

async function createDatabase(postgresUrl: string, name: string): Promise<string> {
  const admin = await Session.connect({ url: postgresUrl, applicationName: 'bench' })
  await admin.query(`create database ${name}`).finally(() => admin.close())
  const url = new URL(postgresUrl)
  url.pathname = name
  return url.toString()
}

const sampledRecords = 10_000

interface Outcome {
  readonly matches: number
  readonly wrong: number
  readonly candidatesPerRecord: number
}

/** Matches against the truth, and the internal users that a vendor user shares a key with, over a sample. */
async function readOutcome(warehouseUrl: string, data: GeneratedData): Promise<Outcome> {
  const session = await Session.connect({ url: warehouseUrl, applicationName: 'bench' })
  try {
    const rows = await session.query('select internal_id, vendor_id from warehouse.user_match')
    const matches = rows.map(([left, right]) => ({ internalId: Number(left), vendorId: Number(right) }))
    const { found, correct } = evaluate({ matches, truth: data.truth }).all
    const [candidates] = await session.one(
      `with sample as (
         select id from warehouse.vendor_user order by md5(id::text) limit ${sampledRecords}),
       probe as (
         select k.key, k.id from syncline.match_key k join sample s on k.id = s.id::text where k.side = 'r')
       select count(*)::float / (select count(*) from sample)
         from (select distinct probe.id, k.id from probe
                 join syncline.match_key k on k.key = probe.key and k.side = 'l') pair`,
    )
    return {
      matches: found,
      wrong: found - correct,
      candidatesPerRecord: Number(Number(candidates).toFixed(2)),
    }
  } finally {
    await session.close()
  }
}

function printRows(rows: readonly (readonly [string, string])[]): void {
  for (const [name, value] of rows) console.log(`${name.padEnd(40)}${value}`)
}

function note(text: string): void {
  console.error(text)
}

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '1000000x151677' },
    scale: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    dirty: { type: 'boolean', default: false },
    flavour: { type: 'string', default: 'mariadb' },
    help: { type: 'boolean', default: false },
  },
})
const size = /^(\d+)x(\d+)$/.exec(options.size)
const { flavour } = options

if (options.help || size === null || (flavour !== 'mariadb' && flavour !== 'mysql')) {
  console.error(usage)
  process.exitCode = options.help ? 0 : 64
} else {
  await run({
    internal: Number(size[1]),
    vendor: Number(size[2]),
    scale: Number(options.scale),
    seed: Number(options.seed),
    dirty: options.dirty,
    flavour,
  })
}
