import type { Config } from './config/config.ts'
import { chooseMatch } from './config/choose-match.ts'
import { readVersion, withWarehouse, type StoredVersion } from './daemon/published-match.ts'
import { evaluate, type MatchEvaluation } from './match/evaluate.ts'
import { readTruth } from './match/truth.ts'
import { OperatorError } from './runtime/errors.ts'
import type { Logger } from './runtime/logger.ts'
import { countWaiting } from './state/models.ts'
import type { Session } from './state/session.ts'
import { matchPlan } from './wiring.ts'

export interface EvaluateMatchOptions {
  /** A CSV file, see `match/truth.ts`. */
  readonly truth: string
  /** May be left out when only one match is configured. */
  readonly match?: string | undefined
  /** The number of a version; the published one unless told. */
  readonly model?: number | undefined
  readonly log: Logger
  readonly signal: AbortSignal
}

export interface NamedEvaluation extends MatchEvaluation {
  readonly match: string
  readonly model: number
}

/** Compares a version of a match with the truth, the published one unless told. Needs no lease: it writes nothing that stays. */
export async function evaluateMatch(
  config: Config,
  { truth, match, model, log, signal }: EvaluateMatchOptions,
): Promise<NamedEvaluation> {
  return withWarehouse(config, { purpose: 'match evaluate', log }, async (session) => {
    const version = await readVersion(session, config, { match, model })
    const { plan } = version
    if (model === undefined) refuseChanged(config, version)
    else await refuseIncomplete(session, version)
    const evaluation = await evaluate(session, {
      number: version.model,
      model: plan.model,
      truth: readTruth(truth),
      signal,
    })
    return { match: plan.name, model: version.model, ...evaluation }
  })
}

/** Whoever has changed the configuration wants to know what that is worth, not what was before. */
function refuseChanged(config: Config, { plan, stored }: StoredVersion): void {
  const configured = matchPlan(chooseMatch(config.matches, plan.name))
  if (stored.origin === configured.origin) return
  throw new OperatorError({
    area: 'configuration',
    code: 'match-outdated',
    message: `the configuration of the match ${plan.name} has changed since it was published`,
    hint: `run \`syncline run --snapshot\` first, or name model ${stored.model} by --model`,
  })
}

async function refuseIncomplete(session: Session, { model, plan }: StoredVersion): Promise<void> {
  const waiting = await countWaiting(session, model)
  if (waiting === 0) return
  throw new OperatorError({
    area: 'usage',
    code: 'model-incomplete',
    message: `model ${model} of the match ${plan.name} is not whole yet: ${waiting} records wait to be matched`,
    hint: 'a running Syncline builds it: `syncline run`, or `syncline run --snapshot`',
  })
}
