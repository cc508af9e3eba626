import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/config.ts'
import { checkPlan } from '../warehouse/check-plan.ts'
import type { Mirror } from '../warehouse/mirror-table.ts'
import { matchPlans } from '../wiring.ts'

/**
 * Refuses a configuration that its first term would end with, as far as the mirrors of who leads now can tell: a term
 * begins by judging the matches by them. Of another warehouse they tell nothing, nor of streams not mirrored yet.
 */
export function checkReload(
  next: Config,
  { present, mirrors }: { readonly present: Config; readonly mirrors: ReadonlyMap<string, Mirror> },
): void {
  const plans = matchPlans(next)
  if (!isDeepStrictEqual(next.warehouse, present.warehouse)) return
  for (const plan of plans) checkPlan(plan, mirrors)
}
