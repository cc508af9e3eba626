import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { generate } from '../../examples/vendor-match/generate.ts'
import { startVendorSimulator, type VendorSimulator } from '../../examples/vendor-match/simulator.ts'
import type { Releasers } from '../../src/runtime/releasers.ts'
import { Session } from '../../src/state/session.ts'
import { startSystems } from '../snapshot/systems.ts'
import { Daemon } from '../tail/systems.ts'

export interface FollowedApiOptions {
  readonly internal: number
  readonly vendor: number
  readonly seed: number
  readonly requestsPerMinute: number
  readonly note: (text: string) => void
}

/** The example vendor-match, read and matched live by a daemon in a process of its own. */
export interface FollowedApi {
  readonly simulator: VendorSimulator
  readonly warehouse: Session
  readonly daemon: Daemon
  readonly configFile: string
  readonly environment: Readonly<Record<string, string>>
}

/** Returns when the match is live and all is settled. The API is in this process, MySQL and Postgres in theirs. */
export async function startFollowedApi(
  { internal, vendor, seed, requestsPerMinute, note }: FollowedApiOptions,
  releasers: Releasers,
): Promise<FollowedApi> {
  note(`making up ${internal} internal and ${vendor} vendor users`)
  const data = generate({ internal, vendor, seed, dirty: true })
  const users = data.vendorUsers()
  const simulator = await startVendorSimulator({ users: users.slice(0, users.length) })
  releasers.push(() => simulator.close())
  const systems = await startSystems(data, { flavour: 'mariadb', note, apiUrl: simulator.url }, releasers)
  const { configFile } = systems
  const yaml = await readFile(configFile, 'utf8')
  await writeFile(
    configFile,
    yaml.replace(/^( +)schedule: .*$/m, `$1schedule: '0 0 1 1 *'\n$1requestsPerMinute: ${requestsPerMinute}`),
  )
  const environment = {
    INTERNAL_MYSQL_URL: systems.mysqlUrl,
    VENDOR_API_URL: simulator.url,
    WAREHOUSE_URL: systems.postgresUrl,
    INTERNAL_USERS: String(data.internalCount),
  }
  const warehouse = await Session.connect({ url: systems.postgresUrl, applicationName: 'bench' })
  releasers.push(() => warehouse.close())
  note('the first load and match')
  const daemon = new Daemon(configFile, { ...process.env, ...environment })
  releasers.push(() => daemon.stop())
  await untilMatched(warehouse)
  const api = { simulator, warehouse, daemon, configFile, environment }
  // The first load ends as soon as a second sweep agrees with it.
  await sweepAtOnce(api)
  return api
}

async function untilMatched(warehouse: Session): Promise<void> {
  for (;;) {
    await sleep(200)
    const [there] = await warehouse.one(`select to_regclass('warehouse.user_match') is not null`)
    if (there === 't' && (await lastSweep(warehouse)) > 0) return
  }
}

/** The number of the last sweep whose end is committed; 0 before the first. */
async function lastSweep(warehouse: Session): Promise<number> {
  const rows = await warehouse.query(
    `select value ->> 'number' from syncline.ledger where source = 'vendor' and key = 'sweep'`,
  )
  return Number(rows[0]?.[0] ?? 0)
}

/** Has the daemon sweep all pages at once: a page that is read by itself announces one page more, once. */
export async function sweepAtOnce({ simulator, warehouse }: FollowedApi): Promise<void> {
  const before = await lastSweep(warehouse)
  simulator.faults.add({ kind: 'total', total: simulator.totalPages + 1, times: 1 })
  while ((await lastSweep(warehouse)) === before) await sleep(20)
}
