import { readDecisions, type Verdict } from '../state/decisions.ts'
import type { Side } from '../state/key-table.ts'
import { otherSide, readRecords } from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import type { FieldComparison, Model, Prepared } from './model.ts'
import { comparePairs, mustScore, type ScoredPair } from './order.ts'

/** Rivals told of at each side. */
const rivalsTold = 10

export interface ExplainedRecord {
  readonly id: string
  /** Null when the match has no such record. */
  readonly fields: Readonly<
    Record<string, { readonly value: string | null; readonly normalised: string | null }>
  > | null
}

/** Another pair of one of the two records. Scores are milli-bits. */
export interface Rival {
  readonly id: string
  readonly score: number
  /** Whether it is the record's match. */
  readonly matched: boolean
  /** What the other end is matched with instead; null when it is free. */
  readonly matchedWith: { readonly id: string; readonly score: number } | null
}

export type Outcome =
  | 'matched'
  | 'no-record'
  | 'cannot'
  | 'no-shared-key'
  | 'below-review'
  | 'below-threshold'
  | 'left-has-better'
  | 'right-has-better'
  | 'waiting'

export interface Explanation {
  readonly threshold: number
  readonly floor: number
  readonly left: ExplainedRecord
  readonly right: ExplainedRecord | null
  /** Blocking passes by which both share a key. */
  readonly sharedPasses: readonly string[]
  /** The summands of the score, the prior first; empty without both records. */
  readonly comparison: readonly FieldComparison[]
  /** The sum; a reviewer's word is not in it. Null without both records. */
  readonly score: number | null
  readonly decision: Verdict | null
  readonly outcome: Outcome
  readonly rivals: { readonly left: readonly Rival[]; readonly right: readonly Rival[] }
}

export interface ExplainedVersion {
  readonly model: number
  readonly plan: { readonly name: string; readonly model: Model }
}

/**
 * Why two records are matched or not; with `right` null the left record's match is explained, or else its best pair.
 * Scores are computed anew by the version's own functions. Needs an open transaction with one snapshot.
 */
export async function explain(
  session: Session,
  version: ExplainedVersion,
  { left, right }: { left: string; right: string | null },
): Promise<Explanation> {
  const { name, model } = version.plan
  const leftRivals = await readRivals(session, version.model, { side: 'l', id: left })
  const partner = right ?? leftRivals.find(({ matched }) => matched)?.id ?? leftRivals[0]?.id ?? null
  const rightRivals =
    partner === null ? [] : await readRivals(session, version.model, { side: 'r', id: partner })
  const ours = await readOne(session, version, 'l', left)
  const theirs = partner === null ? null : await readOne(session, version, 'r', partner)
  const decided = await readDecisions(session, { match: name, side: 'l', ids: [left] })
  const decision = decided.find((pair) => pair.right === partner)?.verdict ?? null
  const both = ours?.prepared && theirs?.prepared ? { ours: ours.prepared, theirs: theirs.prepared } : null
  const sharedPasses = both ? sharedPassesOf(model, both.ours, both.theirs) : []
  const comparison = both ? model.explain(both.ours, both.theirs) : []
  const score = both ? comparison.reduce((sum, { weight }) => sum + weight, 0) : null
  const pair = { left, right: partner ?? '', score: decision === 'must' ? mustScore : (score ?? 0) }
  const outcome =
    score === null
      ? 'no-record'
      : outcomeOf(pair, { model, decision, sharesKey: sharedPasses.length > 0, leftRivals, rightRivals })
  return {
    threshold: model.threshold,
    floor: model.floor,
    left: ours ?? { id: left, fields: null },
    right: theirs ?? (partner === null ? null : { id: partner, fields: null }),
    sharedPasses,
    comparison,
    score,
    decision,
    outcome,
    rivals: { left: leftRivals, right: rightRivals },
  }
}

function outcomeOf(
  pair: ScoredPair,
  {
    model,
    decision,
    sharesKey,
    leftRivals,
    rightRivals,
  }: {
    model: Model
    decision: Verdict | null
    sharesKey: boolean
    leftRivals: readonly Rival[]
    rightRivals: readonly Rival[]
  },
): Outcome {
  const held = leftRivals.find(({ matched }) => matched)
  if (held?.id === pair.right) return 'matched'
  if (decision === 'cannot') return 'cannot'
  if (decision !== 'must') {
    if (!sharesKey) return 'no-shared-key'
    if (pair.score < model.floor) return 'below-review'
    if (pair.score < model.threshold) return 'below-threshold'
  }
  if (held && comparePairs({ left: pair.left, right: held.id, score: held.score }, pair) < 0)
    return 'left-has-better'
  const theirs = rightRivals.find(({ matched }) => matched)
  return theirs ? 'right-has-better' : 'waiting'
}

function sharedPassesOf(model: Model, left: Prepared, right: Prepared): string[] {
  const [ours, theirs] = [model.keysByPass(left), model.keysByPass(right)]
  return model.passes.filter((_, pass) => ours[pass]?.some((key) => theirs[pass]?.includes(key)))
}

async function readOne(
  session: Session,
  { model: number, plan: { model } }: ExplainedVersion,
  side: Side,
  id: string,
): Promise<(ExplainedRecord & { readonly prepared: Prepared }) | null> {
  const rows = await readRecords(session, { model: number, side, ids: [id], width: model.fields.length })
  const values = rows.get(id)
  if (!values) return null
  const prepared = model.prepare(values)
  const fields = model.fields.map((field, place) => [
    field,
    { value: values[place] ?? null, normalised: prepared.values[place]?.text ?? null },
  ])
  return { id, prepared, fields: Object.fromEntries(fields) as ExplainedRecord['fields'] }
}

/** The best stored pairs of a record, and its match wherever it stands. */
async function readRivals(
  session: Session,
  model: number,
  { side, id }: { side: Side; id: string },
): Promise<Rival[]> {
  const rows = await session.query(
    `select p.partner, p.score, coalesce(own.partner = p.partner, false), their.partner, their.score
       from syncline.match_pair_${model} p
       left join syncline.match_assignment_${model} own on own.model = $1 and own.side = $2 and own.id = $3
       left join syncline.match_assignment_${model} their on their.model = $1 and their.side = $4 and their.id = p.partner
      where p.model = $1 and p.side = $2 and p.id = $3
      order by coalesce(own.partner = p.partner, false) desc, p.score desc, p.partner limit ${rivalsTold}`,
    [model, side, id, otherSide(side)],
  )
  return rows
    .map(([partner, score, matched, heldId, heldScore]) => ({
      id: partner ?? '',
      score: Number(score),
      matched: matched === 't',
      matchedWith: heldId == null ? null : { id: heldId, score: Number(heldScore) },
    }))
    .toSorted((a, b) => b.score - a.score)
}
