import { chooseMatch } from '../config/choose-match.ts'
import type { Config } from '../config/config.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import { Releasers } from '../runtime/releasers.ts'
import { requireMigrated } from '../state/migrate.ts'
import { findModels, type StoredModel } from '../state/models.ts'
import { Session } from '../state/session.ts'
import { isUndefinedTable } from '../state/sql-states.ts'
import type { MatchPlan } from '../warehouse/match-plan.ts'
import { storedPlan } from '../wiring.ts'
import { warehouseUrl } from './open-warehouse.ts'

/** A stored version, compiled as it was configured when it was made. */
export interface StoredVersion {
  readonly model: number
  readonly plan: MatchPlan
  readonly stored: StoredModel
}

/** How often a version is looked up again whose tables are dropped while they are read: another one is published then. */
const mostSwitches = 5

/**
 * Reads the warehouse beside the one that writes; needs no lease. `work` begins again when the tables that it reads are
 * dropped, so it must not have told anybody of it before.
 */
export async function withWarehouse<T>(
  config: Config,
  { purpose, log }: { purpose: string; log: Logger },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const releasers = new Releasers()
  try {
    const url = await warehouseUrl(config, { log, releasers })
    const session = await Session.connect({ url, applicationName: `syncline ${purpose}` })
    releasers.push(() => session.close())
    await requireMigrated(session)
    for (let switched = 0; ; switched++) {
      try {
        return await work(session)
      } catch (error) {
        if (!isUndefinedTable(error) || switched === mostSwitches) throw error
      }
    }
  } finally {
    await releasers.release()
  }
}

/**
 * The version that the warehouse shows, or another one by its number. Throws an `OperatorError` when the match was never
 * published, has no such version, or the version was made by a release that scored otherwise.
 */
export async function readVersion(
  session: Session,
  config: Config,
  { match, model }: { match?: string | undefined; model?: number | undefined },
): Promise<StoredVersion> {
  const { name } = chooseMatch(config.matches, match)
  const all = await findModels(session, name)
  const stored = all.find((one) => (model === undefined ? one.state === 'published' : one.model === model))
  if (!stored) throw model === undefined ? notPublished(name) : noSuchModel(name, model, all)
  const plan = storedPlan(stored)
  if (plan.model.fingerprint !== stored.scores) {
    throw new OperatorError({
      area: 'configuration',
      code: 'match-outdated',
      message: `model ${stored.model} of the match ${name} was made by another release of Syncline`,
      hint: 'run `syncline run` of this release first',
    })
  }
  return { model: stored.model, plan, stored }
}

function notPublished(match: string): OperatorError {
  return new OperatorError({
    area: 'configuration',
    code: 'match-not-published',
    message: `the match ${match} has not been published yet`,
    hint: 'run `syncline run` first',
  })
}

function noSuchModel(match: string, model: number, all: readonly StoredModel[]): OperatorError {
  return new OperatorError({
    area: 'usage',
    code: 'no-such-model',
    message: `the match ${match} has no model ${model}`,
    hint: `it has: ${all.map((one) => `${one.model} (${one.state})`).join(', ') || 'none yet'}`,
  })
}
