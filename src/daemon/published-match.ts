import { chooseMatch } from '../config/choose-match.ts'
import type { Config } from '../config/config.ts'
import type { MatchConfig } from '../config/match.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import { Releasers } from '../runtime/releasers.ts'
import { readPublishedModel } from '../state/models.ts'
import { Session } from '../state/session.ts'
import type { MatchPlan } from '../warehouse/match-plan.ts'
import { matchPlan } from '../wiring.ts'
import { warehouseUrl } from './open-warehouse.ts'

/** The version that the warehouse shows, compiled as it was configured when it was made. */
export interface PublishedMatch {
  readonly model: number
  readonly plan: MatchPlan
}

/** Reads the warehouse beside the one that writes; needs no lease. */
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
    return await work(session)
  } finally {
    await releasers.release()
  }
}

/** Throws an `OperatorError` when the match was never published, or by a release that scored otherwise. */
export async function readPublishedMatch(
  session: Session,
  config: Config,
  match: string | undefined,
): Promise<PublishedMatch> {
  const { name } = chooseMatch(config.matches, match)
  const stored = await readPublishedModel(session, name)
  if (stored === null) {
    throw new OperatorError({
      area: 'configuration',
      code: 'match-not-published',
      message: `the match ${name} has not been published yet`,
      hint: 'run `syncline run` first',
    })
  }
  const plan = matchPlan(stored.configured as unknown as MatchConfig, stored.fields)
  if (plan.model.fingerprint !== stored.scores) {
    throw new OperatorError({
      area: 'configuration',
      code: 'match-outdated',
      message: `model ${stored.model} of the match ${name} was made by another release of Syncline`,
      hint: 'run `syncline run` of this release first',
    })
  }
  return { model: stored.model, plan }
}
