import { shownPosition } from '../changes/position.ts'
import type { Config } from '../config/config.ts'
import { explain, type Explanation } from '../match/explain.ts'
import type { Logger } from '../runtime/logger.ts'
import { readVersion, withWarehouse } from './published-match.ts'

export interface NamedExplanation extends Explanation {
  readonly match: string
  readonly model: number
  /** Source → the position up to which its changes are in what is explained. */
  readonly positions: Readonly<Record<string, string>>
}

/** Explains a pair of the published match as of one moment. With `right` left out, the left record's match. */
export async function explainMatch(
  config: Config,
  { match, left, right, log }: { match?: string; left: string; right?: string; log: Logger },
): Promise<NamedExplanation> {
  return withWarehouse(config, { purpose: 'explain', log }, (session) =>
    session.transaction(async () => {
      const version = await readVersion(session, config, { match })
      const explanation = await explain(session, version, { left, right: right ?? null })
      const positions = await session.query('select source, position from syncline.source order by source')
      return {
        match: version.plan.name,
        model: version.model,
        ...explanation,
        positions: Object.fromEntries(
          positions.map(([source, position]) => [source ?? '', shownPosition(position ?? '')]),
        ),
      }
    }, 'repeatable read'),
  )
}
