import { endWithThisProcess } from '#root/scripts/servers/watchdog.mjs'
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../../runtime/logger.ts'
import { packageFile } from '../../runtime/package-file.ts'
import type { Releasers } from '../../runtime/releasers.ts'
import { openEmbeddedPostgres } from '../../state/embedded-postgres/open.ts'
import { runningWarehouse } from '../../state/embedded-postgres/warehouse-file.ts'
import type { KeptWarehouse } from '../kept-warehouse.ts'

export interface DemoWarehouse {
  readonly url: string
  /** The example's configuration, copied to a folder of its own. */
  readonly configFile: string
  /** What its user has to know if it is kept. */
  readonly kept: KeptWarehouse
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
  releasers.push(endWithThisProcess(undefined, folder))
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
  const running = await runningWarehouse(directory)
  if (!running) throw new Error('the warehouse of the demo is gone')
  return {
    url: server.url,
    configFile: join(folder, 'syncline.yaml'),
    kept: { ...running, schema: 'warehouse', throwawayFolder: folder },
    keep: () => {
      isKept = true
    },
  }
}
