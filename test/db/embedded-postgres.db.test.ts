import { chmod, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { endWithThisProcess } from '../../scripts/servers/watchdog.mjs'
import { findPostgresBinaries } from '../../src/state/embedded-postgres/binaries.ts'
import { clusterPaths, ensureCluster } from '../../src/state/embedded-postgres/cluster.ts'
import { openEmbeddedPostgres } from '../../src/state/embedded-postgres/open.ts'
import { livingPostmaster, shutDown } from '../../src/state/embedded-postgres/postmaster.ts'
import { serverAccount } from '../../src/state/embedded-postgres/server-account.ts'
import { startServer } from '../../src/state/embedded-postgres/server-process.ts'
import { runningWarehouse } from '../../src/state/embedded-postgres/warehouse-file.ts'
import { Session } from '../../src/state/session.ts'
import { startEmbeddedPostgresUser } from '../support/embedded-postgres-user.ts'

const cleanUp: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

/** A folder that only its owner may enter, as `mktemp -d` makes it. */
async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'syncline-embedded-'))
  cleanUp.push(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o700)
  return join(folder, '.syncline')
}

async function open(directory: string) {
  const server = await openEmbeddedPostgres({ directory })
  const callOff = endWithThisProcess(server.pid, dirname(directory))
  cleanUp.push(async () => {
    await server.stop()
    callOff()
  })
  return server
}

async function openElsewhere(directory: string) {
  const user = await startEmbeddedPostgresUser(directory)
  cleanUp.push(async () => {
    const living = await livingPostmaster(dataOf(directory))
    if (living) process.kill(living.pid, 'SIGQUIT')
  })
  return user
}

const dataOf = (directory: string) => join(directory, 'postgres', 'data')

async function sql(url: string, statement: string): Promise<(string | null)[][]> {
  const session = await Session.connect({ url, applicationName: 'test' })
  try {
    return await session.query(statement)
  } finally {
    await session.close()
  }
}

describe('the embedded Postgres', () => {
  test('keeps its data, port and password from run to run, on loopback and with full durability', async () => {
    const directory = await freshFolder()
    const first = await open(directory)
    await sql(first.url, 'create table kept as select 1 as one')
    await first.stop()
    expect(await livingPostmaster(dataOf(directory))).toBeUndefined()

    const second = await open(directory)
    expect(second.url).toBe(first.url)
    expect(await sql(second.url, 'select one from kept')).toEqual([['1']])
    const settings = await sql(
      second.url,
      `select name, setting from pg_settings where name in
       ('listen_addresses', 'fsync', 'synchronous_commit', 'full_page_writes', 'server_encoding', 'TimeZone')
       order by name collate "C"`,
    )
    expect(Object.fromEntries(settings)).toEqual({
      TimeZone: 'UTC',
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      server_encoding: 'UTF8',
      synchronous_commit: 'on',
    })
    expect(await sql(second.url, `select 'a' < 'B', 'Z' < 'a', 'é' > 'z'`)).toEqual([['f', 't', 't']])
  })

  test('tells other programs where it is, without the password', async () => {
    const directory = await freshFolder()
    const server = await open(directory)
    const path = join(directory, 'warehouse.json')
    const { password } = new URL(server.url)
    const text = await readFile(path, 'utf8')
    expect(JSON.parse(text)).toMatchObject({ host: '127.0.0.1', port: server.port, pid: server.pid })
    expect(text).not.toContain(password)
    expect((await stat(path)).mode & 0o077).toBe(0)
    const passwordFile = join(directory, 'postgres', 'password')
    expect((await readFile(passwordFile, 'utf8')).trim()).toBe(password)
    expect((await stat(passwordFile)).mode & 0o077).toBe(0)
  })

  test('takes another port when somebody else has taken its own', async () => {
    const directory = await freshFolder()
    const first = await open(directory)
    await first.stop()
    const stranger = createServer()
    await new Promise<void>((resolve) => stranger.listen(first.port, '127.0.0.1', resolve))
    cleanUp.push(() => new Promise((resolve) => stranger.close(resolve)))

    const second = await open(directory)
    expect(second.port).not.toBe(first.port)
    expect(await sql(second.url, 'select 1')).toEqual([['1']])
  })

  test('survives kill -9 of its starter: the next run uses it, and stops it at its end', async () => {
    const directory = await freshFolder()
    const starter = await openElsewhere(directory)
    await sql(starter.url, 'create table kept as select 1 as one')
    await starter.kill()

    const next = await open(directory)
    expect(next.pid).toBe(starter.pid)
    expect(await sql(next.url, 'select one from kept')).toEqual([['1']])
    await next.stop()
    expect(await livingPostmaster(dataOf(directory))).toBeUndefined()
  })

  test('starts again after kill -9 of the server, with every commit', async () => {
    const directory = await freshFolder()
    const first = await open(directory)
    await sql(first.url, 'create table kept as select 1 as one')
    process.kill(first.pid, 'SIGKILL')

    const second = await open(directory)
    expect(second.pid).not.toBe(first.pid)
    expect(await sql(second.url, 'select one from kept')).toEqual([['1']])
  })

  test('starts although a stale postmaster.pid names a living process', async () => {
    const directory = await freshFolder()
    const first = await open(directory)
    const file = join(dataOf(directory), 'postmaster.pid')
    const content = await readFile(file, 'utf8')
    await first.stop()
    await writeFile(file, content.replace(/^\d+/, String(process.pid)))

    const second = await open(directory)
    expect(await sql(second.url, 'select 1')).toEqual([['1']])
  })

  test('starts although a run was killed while it made the data directory', async () => {
    const directory = await freshFolder()
    await mkdir(join(directory, 'postgres.initdb', 'data'), { recursive: true })
    await writeFile(join(directory, 'postgres.initdb', 'data', 'PG_VERSION'), '')
    const server = await open(directory)
    expect(await sql(server.url, 'select 1')).toEqual([['1']])
  })

  test('is shared by processes that open it at once, and stops with the last of them', async () => {
    const directory = await freshFolder()
    const [one, two, three] = await Promise.all([
      openElsewhere(directory),
      openElsewhere(directory),
      open(directory),
    ])
    expect(new Set([one.pid, two.pid, three.pid]).size).toBe(1)
    await one.leave()
    await three.stop()
    expect(await sql(two.url, 'select 1')).toEqual([['1']])
    await two.leave()
    expect(await livingPostmaster(dataOf(directory))).toBeUndefined()
  })

  test('stays when asked to keep running, and a process that was killed does not keep it', async () => {
    const directory = await freshFolder()
    const killed = await openElsewhere(directory)
    await killed.kill()
    const keeper = await openEmbeddedPostgres({ directory, keepRunning: true })
    await keeper.stop()
    expect(await sql(keeper.url, 'select 1')).toEqual([['1']])
    expect(await runningWarehouse(directory)).toMatchObject({ port: keeper.port, pid: keeper.pid })
    const last = await open(directory)
    await last.stop()
    await last.stop()
    expect(await livingPostmaster(dataOf(directory))).toBeUndefined()
    const left = JSON.parse(await readFile(join(directory, 'warehouse.json'), 'utf8')) as unknown
    expect(left).toMatchObject({ port: keeper.port, pid: null })
  })

  test('of two folders are two servers, each with its own data', async () => {
    const [left, right] = await Promise.all([open(await freshFolder()), open(await freshFolder())])
    expect(left.port).not.toBe(right.port)
    await sql(left.url, 'create table only_left ()')
    expect(await sql(right.url, `select to_regclass('only_left')`)).toEqual([[null]])
  })

  test('refuses data of another Postgres version and says what to do', async () => {
    const directory = await freshFolder()
    const server = await open(directory)
    await server.stop()
    await writeFile(join(dataOf(directory), 'PG_VERSION'), '9\n')
    await expect(openEmbeddedPostgres({ directory })).rejects.toMatchObject({
      code: 'embedded-postgres-version',
      hint: expect.stringContaining('WAREHOUSE_URL') as string,
    })
  })

  // Anybody else starts the server as what they are: there is nobody to become, and no capability to give up.
  describe.runIf(process.getuid?.() === 0)('when we are root', () => {
    test('runs as another user, also below a folder that only root may enter', async () => {
      const directory = await freshFolder()
      const server = await open(directory)
      const status = await readFile(`/proc/${server.pid}/status`, 'utf8')
      const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1])
      expect(uid).not.toBe(0)
      expect((await stat(dataOf(directory))).uid).toBe(uid)
      // Of root's capabilities it has none but cap_dac_override, which is bit 1.
      expect(/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1]).toBe('0000000000000002')
    })

    test('gets no capability where the other user may enter', async () => {
      const directory = await freshFolder()
      const parent = dirname(directory)
      const request = { folder: dataOf(directory), parent, program: '/bin/sh' }
      expect((await serverAccount(request)).prefix.join(' ')).toContain('dac_override')
      await chmod(parent, 0o755)
      expect((await serverAccount(request)).prefix.join(' ')).not.toContain('caps')
    })

    test('runs when its package is below a folder that only root may enter', async () => {
      const directory = await freshFolder()
      await mkdir(directory)
      const { postgres, majorVersion } = await findPostgresBinaries()
      const native = dirname(dirname(postgres))
      const hidden = join(directory, 'native')
      await cp(native, hidden, { recursive: true, verbatimSymlinks: true })
      const program = join(hidden, 'bin', 'postgres')
      const binaries = { postgres: program, initdb: join(hidden, 'bin', 'initdb'), majorVersion }
      const paths = clusterPaths(join(directory, 'postgres'))
      const account = await serverAccount({ folder: paths.data, parent: directory, program })
      await ensureCluster(paths, binaries, account)
      const started = await startServer({ paths, binaries, account, preferredPort: undefined, settings: {} })
      await shutDown(started.pid, paths.data)
    })
  })
})
