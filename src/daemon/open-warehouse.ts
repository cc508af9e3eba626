import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Logger } from '../runtime/logger.ts'
import { Releasers } from '../runtime/releasers.ts'
import { openEmbeddedPostgres } from '../state/embedded-postgres/open.ts'
import { migrate as migrateState, type Migrated } from '../state/migrate.ts'
import { Session } from '../state/session.ts'

export interface WarehouseOptions {
  readonly log: Logger
  readonly releasers: Releasers
  /** Leave the embedded server running after the release. */
  readonly keepRunning?: boolean
}

/** The configured server, or the embedded one, started if it is down and released with the rest. */
export async function warehouseUrl(
  { warehouse, directory }: Config,
  { log, releasers, keepRunning = false }: WarehouseOptions,
): Promise<string> {
  if (warehouse.kind === 'server') return warehouse.url
  const server = await openEmbeddedPostgres({ directory: join(directory, '.syncline'), log, keepRunning })
  releasers.push(() => server.stop())
  return server.url
}

/** Brings the state schema of the configured warehouse up to date and nothing else. */
export async function migrate(config: Config, { log }: { readonly log: Logger }): Promise<Migrated> {
  const releasers = new Releasers()
  try {
    const url = await warehouseUrl(config, { log, releasers })
    const session = await Session.connect({ url, applicationName: 'syncline migrate' })
    releasers.push(() => session.close())
    return await migrateState(session)
  } finally {
    await releasers.release()
  }
}
