import type { Defect } from '../changes/source.ts'
import type { Config } from '../config/config.ts'
import { systemClock } from '../runtime/clock.ts'
import { SynclineError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import { Releasers } from '../runtime/releasers.ts'
import { Session } from '../state/session.ts'
import { warehouseDefects } from '../warehouse/preflight.ts'
import { createSources } from '../wiring.ts'
import { warehouseUrl } from './open-warehouse.ts'

export interface Finding extends Defect {
  /** The source, by its name in the configuration, or `warehouse`. */
  readonly where: string
}

/** Asks every source and the warehouse for all that would keep `run` from working. Changes nothing. */
export async function examine(
  config: Config,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<Finding[]> {
  const sources = createSources(config, { log, clock: systemClock, follow: true })
  try {
    const found = await Promise.all([
      warehouseFindings(config, log),
      ...sources.map(async ({ source }) => named(source.name, await source.preflight(signal))),
    ])
    return found.flat()
  } finally {
    await Promise.all(sources.map(({ source }) => source.close()))
  }
}

async function warehouseFindings(config: Config, log: Logger): Promise<Finding[]> {
  const releasers = new Releasers()
  try {
    const url = await warehouseUrl(config, { log, releasers })
    const session = await Session.connect({ url, applicationName: 'syncline doctor' })
    releasers.push(() => session.close())
    return named('warehouse', await warehouseDefects(session, config.warehouse.schema))
  } catch (error) {
    if (!(error instanceof SynclineError)) throw error
    const { code, message, hint = '' } = error
    return named('warehouse', [{ severity: 'fatal', code, message, cure: hint, cause: error }])
  } finally {
    await releasers.release()
  }
}

function named(where: string, defects: readonly Defect[]): Finding[] {
  return defects.map((defect) => ({ ...defect, where }))
}
