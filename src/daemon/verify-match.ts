import type { Config } from '../config/config.ts'
import { verifyMatch, type MatchVerification } from '../match/verify.ts'
import type { Logger } from '../runtime/logger.ts'
import { readVersion, withWarehouse } from './published-match.ts'

export interface NamedVerification extends MatchVerification {
  readonly match: string
  readonly model: number
}

/** Compares the published match with a scratch batch over its records. Needs no lease. */
export async function verifyPublishedMatch(
  config: Config,
  { match, log, signal }: { match: string; log: Logger; signal: AbortSignal },
): Promise<NamedVerification> {
  return withWarehouse(config, { purpose: 'verify', log }, async (session) => {
    const version = await readVersion(session, config, { match })
    const verification = await verifyMatch(session, version, signal)
    return { match: version.plan.name, model: version.model, ...verification }
  })
}
