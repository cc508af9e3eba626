import type { Config } from '../config/config.ts'
import { calibrate, type CalibrationReport } from '../match/calibrate/calibrate.ts'
import { planModel } from '../match/compile.ts'
import type { LevelSettings } from '../match/levels.ts'
import type { Logger } from '../runtime/logger.ts'
import { storedMatch } from '../wiring.ts'
import { readVersion, withWarehouse } from './published-match.ts'

export interface NamedCalibration extends CalibrationReport {
  readonly match: string
  /** The version from whose records it was learnt. */
  readonly model: number
  /** Field → level → what the configuration, or the shipped model, says of it. */
  readonly before: Readonly<Record<string, LevelSettings>>
}

/** Learns a calibration of the published match from its records. Needs no lease: it writes nothing that stays. */
export async function calibrateMatch(
  config: Config,
  { match, log, signal }: { match?: string | undefined; log: Logger; signal: AbortSignal },
): Promise<NamedCalibration> {
  return withWarehouse(config, { purpose: 'match calibrate', log }, async (session) => {
    const { model, plan, stored } = await readVersion(session, config, { match })
    const { model: definition } = storedMatch(stored)
    const report = await calibrate(session, { model, definition, fields: stored.fields, signal })
    const before = Object.fromEntries(
      planModel(definition, stored.fields).fields.map(({ name, levels }) => [name, levels]),
    )
    return { match: plan.name, model, before, ...report }
  })
}
