import type { Config } from '../config/config.ts'
import { chooseMatch } from '../config/choose-match.ts'
import { listForReview, type ReviewCandidate } from '../match/review-list.ts'
import type { Logger } from '../runtime/logger.ts'
import { eachDecision, type Decision } from '../state/decisions.ts'
import { readVersion, withWarehouse } from './published-match.ts'

interface ReviewOptions {
  readonly match?: string
  readonly log: Logger
}

/** What is worth a reviewer's look in the published match, the most telling pair first. */
export async function reviewList(
  config: Config,
  { match, limit, log }: ReviewOptions & { readonly limit: number },
): Promise<ReviewCandidate[]> {
  return withWarehouse(config, { purpose: 'review', log }, async (session) => {
    const { model, plan } = await readVersion(session, config, { match })
    const { fields, threshold } = plan.model
    return listForReview(session, { model, fields, match: plan.name, threshold, limit })
  })
}

/** The standing decisions of a match, handed out in pieces. */
export async function exportDecisions(
  config: Config,
  { match, log, take }: ReviewOptions & { readonly take: (decisions: readonly Decision[]) => void },
): Promise<void> {
  await withWarehouse(config, { purpose: 'review', log }, async (session) => {
    const { name } = chooseMatch(config.matches, match)
    for await (const decisions of eachDecision(session, name)) take(decisions)
  })
}
