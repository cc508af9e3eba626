import { endWithThisProcess } from '#root/scripts/servers/watchdog.mjs'
import { chmod, cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../../runtime/logger.ts'
import { packageFile } from '../../runtime/package-file.ts'
import type { Releasers } from '../../runtime/releasers.ts'
import { openEmbeddedPostgres } from '../../state/embedded-postgres/open.ts'

export interface DemoWarehouse {
  readonly url: string
  readonly folder: string
  /** The example's configuration, copied there. */
  readonly configFile: string
  readonly passwordFile: string
  /** The server's process. */
  readonly pid: number
  /** Leaves the server and its folder to the user when all else is released. */
  keep(): void
}

/** A folder with the example's configuration and the embedded Postgres in it, as if somebody worked there. */
export async function startWarehouse(log: Logger, releasers: Releasers): Promise<DemoWarehouse> {
  let isKept = false
  const unlessKept = (release: () => Promise<void>): void => {
    releasers.push(() => (isKept ? undefined : release()))
  }
  const folder = await mkdtemp(join(tmpdir(), 'syncline-demo-'))
  unlessKept(() => rm(folder, { recursive: true, force: true }))
  // Root's server runs as another user, who must get to the data in there; what is secret is closed by itself.
  await chmod(folder, 0o755)
  for (const name of ['syncline.yaml', 'views']) {
    await cp(packageFile('examples', 'vendor-match', name), join(folder, name), { recursive: true })
  }
  const directory = join(folder, '.syncline')
  const server = await openEmbeddedPostgres({ directory, log })
  unlessKept(() => server.stop())
  releasers.push(endWithThisProcess(server.pid, folder))
  const { passwordFile } = JSON.parse(await readFile(join(directory, 'warehouse.json'), 'utf8')) as {
    readonly passwordFile: string
  }
  return {
    url: server.url,
    folder,
    configFile: join(folder, 'syncline.yaml'),
    passwordFile,
    pid: server.pid,
    keep: () => {
      isKept = true
    },
  }
}
