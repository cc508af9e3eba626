import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openEmbeddedPostgres, type EmbeddedPostgres } from '../../src/state/embedded-postgres/open.ts'
import { Session } from '../../src/state/session.ts'
import { matching, startHostile, type HostileSystem } from '../support/hostile.ts'
import { mysqlServers } from '../support/mysql.ts'
import { warehouseContent } from '../support/vendor-match.ts'

const [server] = mysqlServers
if (!server) throw new Error('no MySQL server')

let system: HostileSystem
beforeAll(async () => {
  system = await startHostile({ server })
})
afterAll(() => system.close())
afterEach(() => {
  delete system.environment['WAREHOUSE_URL']
  system.simulator.faults.clear()
})

async function administer(sql: string, url = process.env['TEST_POSTGRES_URL'] ?? ''): Promise<void> {
  const session = await Session.connect({ url, applicationName: 'test' })
  await session.query(sql).finally(() => session.close())
}

/** Something that happens at the sources' side when the run is half done. */
function inMidRun(act: () => void): void {
  system.simulator.faults.add({ kind: 'meanwhile', pages: [5], times: 1, act })
}

describe('a warehouse that refuses us is named with what to do', () => {
  const use = (change: (url: URL) => void): void => {
    const url = new URL(system.database?.url ?? '')
    change(url)
    system.environment['WAREHOUSE_URL'] = url.href
  }

  it('a wrong password', async () => {
    const wrong = randomBytes(9).toString('hex')
    system.secrets.push(wrong)
    use((url) => (url.password = wrong))
    expect(await system.fails(77)).toEqual(
      matching(
        'warehouse-password',
        /warehouse 127.*\/t_.*: password authentication failed for user/,
        /password/,
      ),
    )
  })

  it('an unknown host', async () => {
    use((url) => (url.hostname = 'no-such-host.invalid'))
    expect(await system.fails(69)).toEqual(
      matching('warehouse-unreachable', /warehouse no-such-host.invalid:\d+.*getaddrinfo/, /host and port/),
    )
  })

  it('a closed port', async () => {
    use((url) => (url.port = '1'))
    expect(await system.fails(69)).toEqual(
      matching('warehouse-unreachable', /warehouse 127.0.0.1:1\/.*ECONNREFUSED/, /start Postgres/),
    )
  })

  it('a database that is not there', async () => {
    use((url) => (url.pathname = '/nowhere'))
    expect(await system.fails(78)).toEqual(
      matching('warehouse-database', /database "nowhere" does not exist/, /create the database/),
    )
  })

  it('a missing grant', async () => {
    const role = { name: `r_${randomBytes(9).toString('hex')}`, password: randomBytes(9).toString('hex') }
    system.secrets.push(role.password)
    await administer(`create role ${role.name} login password '${role.password}'`)
    await system.renewWarehouse()
    use((url) => Object.assign(url, { username: role.name, password: role.password }))
    expect(await system.fails(77)).toEqual(
      matching('warehouse-grant', /permission denied for database t_/, /grant create on database/),
    )
    await administer(`drop role ${role.name}`)
  })

  it('a standby, or another one that is read-only', async () => {
    const name = new URL(system.database?.url ?? '').pathname.slice(1)
    await administer(`alter database ${name} set default_transaction_read_only = on`)
    expect(await system.fails(78)).toEqual(
      matching('warehouse-read-only', /in a read-only transaction/, /primary/),
    )
    await administer(`alter database ${name} reset default_transaction_read_only`)
    await system.recovers()
  })
})

describe('Postgres stopped in mid-run', () => {
  let directory: string
  let postgres: EmbeddedPostgres
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'syncline-hostile-'))
    postgres = await openEmbeddedPostgres({ directory })
  })
  afterAll(async () => {
    await postgres.stop()
    await rm(directory, { recursive: true })
  })

  it.each([
    // The server's last words are lost with the connection when we were just sending.
    ['in order', 'SIGINT', /terminating connection due to administrator command|terminated unexpectedly/],
    ['at once', 'SIGQUIT', /^warehouse 127.0.0.1:\d+\/\w+: /],
    ['by a kill', 'SIGKILL', /^warehouse 127.0.0.1:\d+\/\w+: /],
  ] as const)('%s is something to try again, and nothing is lost', async (_, signal, msg) => {
    const name = `stopped_by_${signal.toLowerCase()}`
    await administer(`create database ${name}`, postgres.url)
    const reach = (): void => {
      const url = new URL(postgres.url)
      system.secrets.push(url.password)
      url.pathname = name
      system.environment['WAREHOUSE_URL'] = url.href
    }
    reach()
    inMidRun(() => process.kill(postgres.pid, signal))
    const failure = await system.fails(75)
    postgres = await openEmbeddedPostgres({ directory })
    reach()
    expect(failure).toEqual(matching('warehouse-connection-lost', msg, /run again/))
    await system.recovers()
  })
})

const mounts = process.getuid?.() === 0 && process.platform === 'linux'

describe('the disk of the embedded warehouse full', () => {
  let embedded: HostileSystem
  let folder: string
  let filler: string
  let mounted = false
  const full = matching(
    'warehouse-disk-full',
    /the disk of the embedded Postgres in .* is full/,
    /free disk space/,
  )
  beforeAll(async () => {
    embedded = await startHostile({ server, embedded: true })
    folder = join(embedded.folder, '.syncline')
    filler = join(folder, 'filler')
    await mkdir(folder)
    try {
      if (mounts) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'pipe' })
      mounted = mounts
    } catch {
      // Root of a container may not mount either.
    }
  })
  afterAll(async () => {
    if (mounted) execFileSync('umount', [folder])
    await embedded.close()
  })

  it('from the beginning is named', async ({ skip }) => {
    skip(!mounted, 'only root may mount a file system that is small enough to fill')
    expect(await embedded.fails(69)).toEqual(full)
  })

  it('in mid-run loses nothing', async ({ skip }) => {
    skip(!mounted, 'only root may mount a file system that is small enough to fill')
    execFileSync('mount', ['-o', 'remount,size=400m', folder])
    const act = (): void => {
      fill(filler)
    }
    embedded.simulator.faults.add({ kind: 'meanwhile', pages: [5], times: 1, act })
    expect(await embedded.fails(69)).toEqual(
      matching('warehouse-disk-full', /warehouse 127.* No space left on device/, /free disk space/),
    )
    expect(await embedded.fails(69)).toEqual(full)
    rmSync(filler)
    expect(await embedded.run('run', '--snapshot')).toMatchObject({ code: 0 })
    const postgres = await openEmbeddedPostgres({ directory: folder })
    expect(await warehouseContent(postgres.url)).toEqual(system.expected)
    await postgres.stop()
  })
})

/** Leaves no byte of the file system. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let bytes = 2 ** 20; bytes >= 1;) {
      try {
        if (writeSync(file, Buffer.alloc(bytes)) === 0) return
      } catch {
        bytes >>= 1
      }
    }
  } finally {
    closeSync(file)
  }
}
