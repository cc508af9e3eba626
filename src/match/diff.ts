import { OperatorError } from '../runtime/errors.ts'
import type { Session } from '../state/session.ts'
import { assignmentQuery, pickAssignment } from './bulk.ts'
import type { Model } from './model.ts'

/** A left record and its match before and after; null where it has none. Scores are milli-bits, each of its version. */
export interface ChangedMatch {
  readonly left: string
  readonly before: { readonly right: string; readonly score: number } | null
  readonly after: { readonly right: string; readonly score: number } | null
}

export interface MatchDiff {
  readonly same: number
  readonly matched: number
  readonly unmatched: number
  readonly rematched: number
  /** Some of what changes: the strongest first, by the higher of both scores. */
  readonly sample: readonly ChangedMatch[]
}

export interface DiffOptions {
  /** The version that the warehouse shows. */
  readonly published: number
  readonly version: {
    readonly model: number
    readonly plan: { readonly name: string; readonly model: Model }
  }
  /** Milli-bits. */
  readonly threshold: number
  /** How many changed matches are told one by one. */
  readonly limit: number
}

/**
 * Which matches would change if a version were published at a threshold. Any threshold from the version's floor on can be
 * told from its stored pairs: the match at a threshold is the match at any lower one, cut. Throws an `OperatorError` for
 * one below. Writes a temporary table only.
 */
export async function diffMatches(session: Session, options: DiffOptions): Promise<MatchDiff> {
  const { published, version, threshold, limit } = options
  refuseBelowFloor(version, threshold)
  return session.transaction(async () => {
    await pickAssignment(session, assignmentQuery(version.model, threshold))
    const [same, matched, unmatched, rematched, sample] = await session.one(
      `with changed as materialized (
         select coalesce(b.id, a.left_id) as l, b.partner as before, b.score as before_score,
                a.right_id as after, a.score as after_score
           from (select id, partner, score from syncline.match_assignment_${published} where side = 'l') b
           full join picked_pair a on a.left_id = b.id)
       select count(*) filter (where before = after), count(*) filter (where before is null),
              count(*) filter (where after is null), count(*) filter (where before <> after),
              (select json_agg(json_build_object(
                        'left', l,
                        'before', case when before is not null then json_build_object('right', before, 'score', before_score) end,
                        'after', case when after is not null then json_build_object('right', after, 'score', after_score) end)
                      order by greatest(before_score, after_score) desc, l)
                 from (select * from changed where before is distinct from after
                        order by greatest(before_score, after_score) desc, l limit $1) few)
         from changed`,
      [limit],
    )
    await session.query('drop table picked_pair')
    return {
      same: Number(same),
      matched: Number(matched),
      unmatched: Number(unmatched),
      rematched: Number(rematched),
      sample: JSON.parse(sample ?? '[]') as ChangedMatch[],
    }
  }, 'repeatable read')
}

function refuseBelowFloor({ model, plan }: DiffOptions['version'], threshold: number): void {
  if (threshold >= plan.model.floor) return
  const floor = plan.model.floor / 1000
  throw new OperatorError({
    area: 'usage',
    code: 'below-floor',
    message: `model ${model} of the match ${plan.name} keeps no pairs below ${floor} bits, so what would be matched at ${threshold / 1000} is not known`,
    hint: `name a threshold from ${floor} on, or lower \`review\` of the match, which makes a new model`,
  })
}
