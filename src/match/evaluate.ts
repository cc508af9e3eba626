import { OperatorError } from '../runtime/errors.ts'
import { copyInto } from '../state/copy.ts'
import { eachPiece } from '../state/cursor.ts'
import { keyTableName } from '../state/key-table.ts'
import { fieldsSql } from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import { assignmentQuery, pickAssignment } from './bulk.ts'
import {
  PairEvaluation,
  PatternCounter,
  type AccuracyCurve,
  type PairOutcome,
  type PatternCount,
} from './evaluation.ts'
import type { Model } from './model.ts'
import type { TruthRow } from './truth.ts'

const sampledRecords = 10_000
/** At what precision the recall is reported. */
const wantedPrecision = 0.995

export interface MatchEvaluation {
  /** Milli-bits. */
  readonly threshold: number
  readonly decidable: AccuracyCurve
  readonly all: AccuracyCurve
  /** The share of the true pairs that share a key: no scoring finds more. Null without true pairs. */
  readonly blockingRecall: { readonly decidable: number | null; readonly all: number | null }
  /** True pairs of which the match does not have both records. */
  readonly absentPairs: number
  /** Records that share a key with one record, on average; measured on `sampled` right records. */
  readonly candidates: { readonly perLeft: number; readonly perRight: number; readonly sampled: number }
  readonly patterns: readonly PatternCount[]
}

export interface EvaluateOptions {
  /** The number of the stored version and its compiled model. */
  readonly number: number
  readonly model: Model
  readonly truth: AsyncIterable<readonly TruthRow[]>
  readonly signal: AbortSignal
}

/**
 * Compares the stored pairs and matches of one model version with the truth. Writes temporary tables only. Memory is
 * bounded: rows stream, Postgres sorts. A match counts as decidable when either of its records is: it is wrong if the
 * pair is not in the truth, and matches of records that the truth does not know are left out.
 */
export async function evaluate(session: Session, options: EvaluateOptions): Promise<MatchEvaluation> {
  return session.transaction(async () => {
    // Whole tables are joined, and a version just built may have no statistics that say so.
    await session.query('set local enable_nestloop = off')
    await loadTruth(session, options)
    await refuseForeignTruth(session, options.number)
    const curves = await evaluatePairs(session, options)
    const fates = await followTruePairs(session, options)
    return {
      threshold: options.model.threshold,
      ...curves,
      ...fates,
      candidates: await countCandidates(session, options.number),
    }
  }, 'repeatable read')
}

async function loadTruth(session: Session, { truth, signal }: EvaluateOptions): Promise<void> {
  await session.query(
    `create temporary table truth_row (
       left_id text collate "C", right_id text collate "C", decidable boolean not null) on commit drop`,
  )
  for await (const rows of truth) {
    signal.throwIfAborted()
    const values = rows.map(({ left, right, decidable }) => [left, right, decidable ? 't' : 'f'])
    await copyInto(session, 'truth_row (left_id, right_id, decidable)', values)
  }
  await session.query(
    `create temporary table truth_pair on commit drop as
     select left_id, right_id, bool_or(decidable) as decidable from truth_row
      where left_id is not null and right_id is not null group by left_id, right_id`,
  )
  for (const side of ['left', 'right']) {
    await session.query(
      `create temporary table truth_${side} on commit drop as
       select ${side}_id as id, bool_or(decidable) as decidable from truth_row
        where ${side}_id is not null group by ${side}_id`,
    )
  }
  await session.query('analyze truth_pair, truth_left, truth_right')
}

/** Ids of another kind, or of swapped sides, would come out as an accuracy of zero. */
async function refuseForeignTruth(session: Session, number: number): Promise<void> {
  for (const [side, code] of [
    ['left', 'l'],
    ['right', 'r'],
  ]) {
    const [known, all] = await session.one(
      `select exists (select from truth_${side} t join syncline.match_record_${number} m on m.id = t.id and m.side = $1),
              exists (select from truth_${side})`,
      [code ?? ''],
    )
    if (known === 't' || all === 'f') continue
    throw new OperatorError({
      area: 'usage',
      code: 'truth-unknown-records',
      message: `none of the ${side}_id of the truth is a record of this match`,
      hint: 'left_id and right_id are the keys of the records of the left and the right stream',
    })
  }
}

async function evaluatePairs(
  session: Session,
  { number, model, signal }: EvaluateOptions,
): Promise<{ decidable: AccuracyCurve; all: AccuracyCurve }> {
  const settings = { floor: model.floor, threshold: model.threshold, precision: wantedPrecision }
  const evaluation = new PairEvaluation({
    decidable: { ...settings, expected: await countExpected(session, 'where decidable') },
    all: { ...settings, expected: await countExpected(session, '') },
  })
  // The same numbering and order as for the assignment.
  const query = `select p.score, dense_rank() over (order by p.id), dense_rank() over (order by p.partner),
              t.left_id is not null, coalesce(l.decidable, r.decidable) is not null,
              coalesce(l.decidable, false) or coalesce(r.decidable, false)
         from syncline.match_pair_${number} p
         left join truth_pair t on t.left_id = p.id and t.right_id = p.partner
         left join truth_left l on l.id = p.id
         left join truth_right r on r.id = p.partner
        where p.side = 'l' and p.score >= $1
        order by p.score desc, p.id, p.partner`
  for await (const rows of eachPiece(session, { query, values: [model.floor], signal })) {
    for (const [score, left, right, isTrue, isKnown, isDecidable] of rows) {
      evaluation.take({
        score: Number(score),
        left: Number(left),
        right: Number(right),
        isTrue: isTrue === 't',
        isKnown: isKnown === 't',
        isDecidable: isDecidable === 't',
      })
    }
  }
  return evaluation.finish()
}

/** Somebody with three left records and two right ones counts for two matches. */
async function countExpected(session: Session, condition: string): Promise<number> {
  const [expected] = await session.one(
    `select coalesce(sum(least(lefts, rights)), 0)
       from (select count(distinct left_id) as lefts, count(distinct right_id) as rights
               from (select left_id, right_id, min(left_id) over (partition by right_id) as person
                       from truth_pair ${condition}) pair
              group by person) person`,
  )
  return Number(expected)
}

type Fates = Pick<MatchEvaluation, 'blockingRecall' | 'absentPairs' | 'patterns'>

/** Every true pair, and every match of decidable records that is none, with its fields. */
async function followTruePairs(session: Session, { number, model, signal }: EvaluateOptions): Promise<Fates> {
  const patterns = new PatternCounter()
  const counts = { decidable: { pairs: 0, found: 0 }, all: { pairs: 0, found: 0 }, absent: 0 }
  const width = model.fields.length
  await pickAssignment(session, assignmentQuery(number, model.threshold))
  const query = `select pair.is_true, pair.is_matched, pair.is_decidable, l.id is not null and r.id is not null,
              ${fieldsSql('l', width)}, ${fieldsSql('r', width)}
         from (select coalesce(t.left_id, a.left_id) as left_id, coalesce(t.right_id, a.right_id) as right_id,
                      t.left_id is not null as is_true, a.left_id is not null as is_matched,
                      coalesce(t.decidable, a.decidable) as is_decidable
                 from truth_pair t
                 full join (select m.left_id, m.right_id, coalesce(tl.decidable, false) or coalesce(tr.decidable, false) as decidable
                         from picked_pair m
                         left join truth_left tl on tl.id = m.left_id
                         left join truth_right tr on tr.id = m.right_id
                        where coalesce(tl.decidable, tr.decidable) is not null) a
                   on a.left_id = t.left_id and a.right_id = t.right_id) pair
         left join syncline.match_record_${number} l on l.side = 'l' and l.id = pair.left_id
         left join syncline.match_record_${number} r on r.side = 'r' and r.id = pair.right_id`
  for await (const rows of eachPiece(session, { query, values: [], signal })) {
    for (const [isTrue, isMatched, isDecidable, isThere, ...fields] of rows) {
      const decidable = isDecidable === 't'
      if (isTrue === 't') {
        counts.all.pairs++
        if (decidable) counts.decidable.pairs++
      }
      if (isThere !== 't') {
        counts.absent++
        continue
      }
      const left = model.prepare(fields.slice(0, width))
      const right = model.prepare(fields.slice(width))
      const keys = new Set(model.keys(left))
      const sharesKey = model.keys(right).some((key) => keys.has(key))
      if (isTrue === 't' && sharesKey) {
        counts.all.found++
        if (decidable) counts.decidable.found++
      }
      if (!decidable) continue
      const outcome = outcomeOf({
        isTrue: isTrue === 't',
        isMatched: isMatched === 't',
        sharesKey,
        isAbove: model.score(left, right) >= model.threshold,
      })
      patterns.count(levelsOf(model, left, right), outcome)
    }
  }
  const share = ({ pairs, found }: { pairs: number; found: number }): number | null =>
    pairs === 0 ? null : found / pairs
  return {
    blockingRecall: { decidable: share(counts.decidable), all: share(counts.all) },
    absentPairs: counts.absent,
    patterns: patterns.finish(),
  }
}

function outcomeOf(pair: {
  readonly isTrue: boolean
  readonly isMatched: boolean
  readonly sharesKey: boolean
  readonly isAbove: boolean
}): PairOutcome {
  if (!pair.isTrue) return 'wrong'
  if (pair.isMatched) return 'matched'
  if (!pair.sharesKey) return 'noKey'
  return pair.isAbove ? 'rival' : 'belowThreshold'
}

type Records = Parameters<Model['explain']>

function levelsOf(model: Model, ...records: Records): Record<string, string> {
  const levels: Record<string, string> = {}
  for (const { field, level } of model.explain(...records)) if (field !== null) levels[field] = level
  return levels
}

/** Counting all pairs that share a key would cost as much as matching; a sample by hash is as good. */
async function countCandidates(session: Session, number: number): Promise<MatchEvaluation['candidates']> {
  const [lefts, rights] = await session.one(
    `select count(*) filter (where side = 'l'), count(*) filter (where side = 'r')
       from syncline.match_record_${number}`,
  )
  const everyNth = Math.max(1, Math.floor(Number(rights) / sampledRecords))
  const [sampled, pairs] = await session.one(
    `with sampled as materialized (
       select id from syncline.match_record_${number} where side = 'r' and hashtextextended(id, 0) % $1 = 0),
     keyed as materialized (
       select k.key, k.id from sampled join ${keyTableName(number, 'r')} k on k.id = sampled.id)
     select (select count(*) from sampled),
            (select count(*) from (
               select distinct keyed.id, partner.id
                 from keyed cross join lateral (
                   select id from ${keyTableName(number, 'l')} k
                    where k.model = ${number} and k.key = keyed.key and k.side = 'l' offset 0) partner) pair)`,
    [everyNth],
  )
  const perRight = Number(sampled) === 0 ? 0 : Number(pairs) / Number(sampled)
  const perLeft = Number(lefts) === 0 ? 0 : (perRight * Number(rights)) / Number(lefts)
  return { perLeft, perRight, sampled: Number(sampled) }
}
