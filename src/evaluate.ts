import type { Config } from './config/config.ts'
import { chooseMatch } from './config/choose-match.ts'
import { warehouseUrl } from './daemon/open-warehouse.ts'
import { evaluate, type MatchEvaluation } from './match/evaluate.ts'
import { readTruth } from './match/truth.ts'
import { OperatorError } from './runtime/errors.ts'
import type { Logger } from './runtime/logger.ts'
import { Releasers } from './runtime/releasers.ts'
import { readPublishedModel } from './state/models.ts'
import { Session } from './state/session.ts'
import type { MatchPlan } from './warehouse/match-plan.ts'
import { matchPlan } from './wiring.ts'

export interface EvaluateMatchOptions {
  /** A CSV file, see `match/truth.ts`. */
  readonly truth: string
  /** May be left out when only one match is configured. */
  readonly match?: string
  readonly log: Logger
  readonly signal: AbortSignal
}

export interface NamedEvaluation extends MatchEvaluation {
  readonly match: string
  readonly model: number
}

/** Compares the published match of the warehouse with the truth. Needs no lease: it writes nothing that stays. */
export async function evaluateMatch(
  config: Config,
  { truth, match, log, signal }: EvaluateMatchOptions,
): Promise<NamedEvaluation> {
  const plan = matchPlan(chooseMatch(config.matches, match))
  const releasers = new Releasers()
  try {
    const url = await warehouseUrl(config, { log, releasers })
    const session = await Session.connect({ url, applicationName: 'syncline match evaluate' })
    releasers.push(() => session.close())
    const number = await publishedNumber(session, plan)
    const evaluation = await evaluate(session, { number, model: plan.model, truth: readTruth(truth), signal })
    return { match: plan.name, model: number, ...evaluation }
  } finally {
    await releasers.release()
  }
}

async function publishedNumber(session: Session, { name, model }: MatchPlan): Promise<number> {
  const stored = await readPublishedModel(session, name)
  const hint = 'run `syncline run --snapshot` first'
  if (stored === null) {
    throw new OperatorError({
      area: 'configuration',
      code: 'match-not-published',
      message: `the match ${name} has not been published yet`,
      hint,
    })
  }
  // The stored scores would be judged by weights that did not make them.
  if (stored.scores !== model.fingerprint || stored.threshold !== model.threshold) {
    throw new OperatorError({
      area: 'configuration',
      code: 'match-outdated',
      message: `the configuration of the match ${name} has changed since it was published`,
      hint,
    })
  }
  return stored.model
}
