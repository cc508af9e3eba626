import type { Config } from './config/config.ts'
import { nearest } from './config/nearest.ts'
import { warehouseUrl } from './daemon/open-warehouse.ts'
import { evaluate, type MatchEvaluation } from './match/evaluate.ts'
import { readTruth } from './match/truth.ts'
import { OperatorError } from './runtime/errors.ts'
import type { Logger } from './runtime/logger.ts'
import { Releasers } from './runtime/releasers.ts'
import { readPublishedModel } from './state/models.ts'
import { Session } from './state/session.ts'
import type { MatchPlan } from './warehouse/match-plan.ts'
import { matchPlans } from './wiring.ts'

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
  const plan = choosePlan(matchPlans(config), match)
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

function choosePlan(plans: readonly MatchPlan[], name: string | undefined): MatchPlan {
  const [only] = plans
  const plan = name === undefined && plans.length === 1 ? only : plans.find((one) => one.name === name)
  if (plan) return plan
  const names = plans.map((one) => one.name)
  const near = name === undefined ? null : nearest(name, names)
  throw new OperatorError({
    area: 'usage',
    code: 'no-such-match',
    message: name === undefined ? 'which match is to be evaluated?' : `there is no match ${name}`,
    hint:
      names.length === 0
        ? 'the configuration has no matches'
        : near === null
          ? `name one with --match: ${names.join(', ')}`
          : `did you mean ${near}?`,
  })
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
