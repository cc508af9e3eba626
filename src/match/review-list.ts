import type { Session } from '../state/session.ts'
import { mustScore } from './order.ts'

/** A pair that is worth a reviewer's look. Scores are milli-bits. */
export interface ReviewCandidate {
  readonly left: string
  readonly right: string
  readonly score: number
  /** Why it is listed: `band` scores below the threshold, `rival` lost to a better pair, `match` is matched. */
  readonly kind: 'band' | 'rival' | 'match'
  /** How likely the two are one person, given the other pair that each of them is in or could be in. */
  readonly probability: number
  /** What a reviewer's word would tell, in bits: the entropy of that probability, 0 to 1. */
  readonly value: number
  readonly leftFields: Readonly<Record<string, string | null>>
  readonly rightFields: Readonly<Record<string, string | null>>
}

/**
 * The pairs about which a reviewer's word would tell most. With the pair's weight w and the weights a, b of the best
 * other pair of either record, the chance that it is true is 2^w / (1 + 2^w + 2^a + 2^b): none, this one, or one of the
 * others (each record has at most one counterpart). The value is the entropy of that chance, greatest where it is one
 * half: at a score of zero bits without rivals, or where two rivals are nearly equal. Decided pairs are left out. Of a
 * version that was dropped meanwhile the tables are undefined, not empty.
 */
export async function listForReview(
  session: Session,
  { model, fields, match, threshold, limit }: ReviewListOptions,
): Promise<ReviewCandidate[]> {
  // Beyond 40 bits either way nothing is left to ask, and powers would only overflow.
  const odds = (score: string): string =>
    `power(2::double precision, least(greatest(${score} / 1000.0, -40), 40))`
  const all = 'rows between unbounded preceding and unbounded following'
  const rows = await session.query(
    `with pair as materialized (
       select id as l, partner as r, score,
              case row_number() over of_left when 1 then nth_value(score, 2) over (of_left ${all})
                   else first_value(score) over of_left end as left_rival,
              case row_number() over of_right when 1 then nth_value(score, 2) over (of_right ${all})
                   else first_value(score) over of_right end as right_rival
         from syncline.match_pair_${model} where model = $1 and side = 'l'
       window of_left as (partition by id order by score desc, partner),
              of_right as (partition by partner order by score desc, id)),
     chance as (
       select l, r, score,
              ${odds('score')} / (1 + ${odds('score')} + coalesce(${odds('left_rival')}, 0) + coalesce(${odds('right_rival')}, 0)) as p
         from pair where score < ${mustScore}),
     valued as (
       select l, r, score, p, -(p * ln(p) + (1 - p) * ln(1 - p)) / ln(2) as value
         from chance where p > 1e-9 and p < 1 - 1e-9)
     select v.l, v.r, v.score, v.p, v.value, a.partner is not distinct from v.r, to_json(lr.fields), to_json(rr.fields)
       from valued v
       left join syncline.match_assignment_${model} a on a.model = $1 and a.side = 'l' and a.id = v.l
       join syncline.match_record_${model} lr on lr.model = $1 and lr.side = 'l' and lr.id = v.l
       join syncline.match_record_${model} rr on rr.model = $1 and rr.side = 'r' and rr.id = v.r
      where not exists (select from syncline.match_decision d
                         where d.match = $2 and d.left_id = v.l and d.right_id = v.r and d.undone_at is null)
      order by v.value desc, v.score desc, v.l, v.r limit $3`,
    [model, match, limit],
  )
  const named = (text: string | null | undefined): Record<string, string | null> => {
    const values = JSON.parse(text ?? '[]') as (string | null)[]
    return Object.fromEntries(fields.map((field, place) => [field, values[place] ?? null]))
  }
  return rows.map(([left, right, score, probability, value, matched, leftFields, rightFields]) => ({
    left: left ?? '',
    right: right ?? '',
    score: Number(score),
    kind: matched === 't' ? 'match' : Number(score) < threshold ? 'band' : 'rival',
    probability: Number(probability),
    value: Number(value),
    leftFields: named(leftFields),
    rightFields: named(rightFields),
  }))
}

export interface ReviewListOptions {
  readonly model: number
  /** The names of the model's fields, in its order. */
  readonly fields: readonly string[]
  readonly match: string
  /** Milli-bits. */
  readonly threshold: number
  readonly limit: number
}
