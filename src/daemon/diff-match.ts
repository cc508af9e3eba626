import type { Config } from '../config/config.ts'
import { diffMatches, type MatchDiff } from '../match/diff.ts'
import type { Logger } from '../runtime/logger.ts'
import { countWaiting } from '../state/models.ts'
import { readVersion, withWarehouse } from './published-match.ts'

export interface DiffMatchOptions {
  readonly match?: string | undefined
  /** The number of a version; the published one unless told. */
  readonly model?: number | undefined
  /** Milli-bits; that of the version unless told. */
  readonly threshold?: number | undefined
  readonly limit: number
  readonly log: Logger
}

export interface NamedDiff extends MatchDiff {
  readonly match: string
  readonly published: number
  readonly model: number
  readonly threshold: number
  /** Records that the version has not matched yet: until then the difference is not the last word. */
  readonly waiting: number
}

/** What would change if a version were published. Needs no lease: it writes nothing that stays. */
export async function diffMatch(
  config: Config,
  { match, model, threshold, limit, log }: DiffMatchOptions,
): Promise<NamedDiff> {
  return withWarehouse(config, { purpose: 'match diff', log }, async (session) => {
    const published = await readVersion(session, config, { match })
    const version = model === undefined ? published : await readVersion(session, config, { match, model })
    const at = threshold ?? version.plan.model.threshold
    const diff = await diffMatches(session, { published: published.model, version, threshold: at, limit })
    return {
      match: version.plan.name,
      published: published.model,
      model: version.model,
      threshold: at,
      waiting: await countWaiting(session, version.model),
      ...diff,
    }
  })
}
