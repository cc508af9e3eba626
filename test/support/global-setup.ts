import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMysql } from '../../scripts/servers/start-mysql.mjs'
import { endWithThisProcess } from '../../scripts/servers/watchdog.mjs'
import { openEmbeddedPostgres } from '../../src/state/embedded-postgres/open.ts'

/**
 * Starts one Postgres, one MariaDB and one MySQL for the whole run and names them in the environment, which
 * the test processes inherit. Servers that are named there already are used as they are.
 */
export default async function startServers(): Promise<() => Promise<void>> {
  const releasers: (() => Promise<void>)[] = []
  const release = async () => {
    await Promise.all(releasers.splice(0).map((stop) => stop()))
  }
  const starts = await Promise.allSettled([
    process.env['TEST_POSTGRES_URL'] ? undefined : startPostgres(releasers),
    process.env['TEST_MYSQL_URLS'] ? undefined : startMysqlServers(releasers),
  ])
  const failure = starts.find((start) => start.status === 'rejected')
  if (failure) {
    await release()
    throw failure.reason
  }
  return release
}

async function startPostgres(releasers: (() => Promise<void>)[]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'syncline-postgres-'))
  // No test cuts the power, so none can see whether its data reached the disk.
  const settings = { fsync: 'off', full_page_writes: 'off', max_connections: 100 }
  try {
    const server = await openEmbeddedPostgres({ directory, settings })
    const callOff = endWithThisProcess(server.pid, directory)
    releasers.push(async () => {
      await server.stop()
      callOff()
      await rm(directory, { recursive: true, force: true })
    })
    process.env['TEST_POSTGRES_URL'] = server.url
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

async function startMysqlServers(releasers: (() => Promise<void>)[]): Promise<void> {
  const announce = (step: string) => process.stderr.write(`set-up: ${step}\n`)
  const starting = (['mariadb', 'mysql'] as const).map(async (flavour) => {
    const server = await startMysql({ flavour, announce })
    releasers.push(() => server.stop())
    return server.url
  })
  const settled = await Promise.allSettled(starting)
  const failure = settled.find((start) => start.status === 'rejected')
  if (failure) throw failure.reason
  process.env['TEST_MYSQL_URLS'] = (await Promise.all(starting)).join(',')
}
