import type { Value } from '../changes/change.ts'
import { copyInto } from '../state/copy.ts'
import { eachPiece } from '../state/cursor.ts'
import type { Side } from '../state/key-table.ts'
import { fieldsSql } from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import { pickAssignment } from './bulk.ts'
import type { Model, Prepared } from './model.ts'
import { mustScore } from './order.ts'

/** Differences shown of each kind. */
const sampled = 5

export interface Comparison {
  /** Rows that the scratch batch has. */
  readonly compared: number
  /** Rows that only the scratch batch has, only the stored state, or both with another content. */
  readonly missing: number
  readonly extra: number
  readonly different: number
  /** Some of them as texts. */
  readonly sample: readonly string[]
}

export interface MatchVerification {
  readonly keys: Comparison
  readonly pairs: Comparison
  readonly assignment: Comparison
}

export interface VerifiedVersion {
  readonly model: number
  readonly plan: { readonly name: string; readonly model: Model }
}

/**
 * Makes keys, pairs and assignment of a version anew from its records and compares them with what is stored. Records
 * stream, Postgres joins and sorts: memory is bounded. Writes temporary tables only; `session` must not be the writer's.
 * Needs an open transaction, which should be a repeatable read: changes go on.
 */
export async function verifyMatch(
  session: Session,
  version: VerifiedVersion,
  signal: AbortSignal,
): Promise<MatchVerification> {
  await session.query('set local enable_nestloop = off')
  for (const side of ['l', 'r'] as const) await makeKeys(session, version, { side, signal })
  await session.query('analyze scratch_key_l, scratch_key_r')
  const keys = await compareKeys(session, version.model)
  await makePairs(session, version, signal)
  const pairs = await comparePairs(session, version.model)
  await pickAssignment(session, {
    query: `select l, r, score, dense_rank() over (order by l), dense_rank() over (order by r)
              from scratch_pair where score >= $1 order by score desc, l, r`,
    values: [version.plan.model.threshold],
  })
  const assignment = await compareAssignment(session, version.model)
  await session.query('drop table scratch_key_l, scratch_key_r, scratch_pair, picked_pair')
  return { keys, pairs, assignment }
}

async function makeKeys(
  session: Session,
  { model: number, plan: { model } }: VerifiedVersion,
  { side, signal }: { side: Side; signal: AbortSignal },
): Promise<void> {
  await session.query(
    `create temporary table scratch_key_${side} (key bigint, id text collate "C") on commit drop`,
  )
  const query = `select id, ${fieldsSql('record', model.fields.length)} from syncline.match_record_${number} record where side = '${side}'`
  for await (const rows of eachPiece(session, { query, values: [], signal })) {
    const keys = rows.flatMap(([id, ...fields]): Value[][] =>
      model.keys(model.prepare(fields)).map((key) => [String(key), id ?? '']),
    )
    await copyInto(session, `scratch_key_${side} (key, id)`, keys)
  }
}

async function compareKeys(session: Session, model: number): Promise<Comparison> {
  return compareRelations(
    session,
    `select coalesce(s.side, k.side)::text || ' ' || coalesce(s.id, k.id) as label, s.id as made, k.id as stored, false as differs
       from (select 'l'::"char" as side, key, id from scratch_key_l union all select 'r', key, id from scratch_key_r) s
       full join (select side, key, id from syncline.match_key_${model} where model = $1) k
         on k.side = s.side and k.key = s.key and k.id = s.id`,
    [model],
  )
}

/** All pairs that share a key and are no `cannot`, and those that must be. */
async function makePairs(
  session: Session,
  { model: number, plan: { name, model } }: VerifiedVersion,
  signal: AbortSignal,
): Promise<void> {
  await session.query(
    'create temporary table scratch_pair (l text collate "C", r text collate "C", score integer) on commit drop',
  )
  const query = `select pair.l, pair.r, ${fieldsSql('ours', model.fields.length)}, ${fieldsSql('theirs', model.fields.length)}
      from (select distinct l.id as l, r.id as r from scratch_key_l l join scratch_key_r r using (key)) pair
      join syncline.match_record_${number} ours on ours.side = 'l' and ours.id = pair.l
      join syncline.match_record_${number} theirs on theirs.side = 'r' and theirs.id = pair.r
     where not exists (select from syncline.match_decision d
                        where d.match = $1 and d.left_id = pair.l and d.right_id = pair.r and d.undone_at is null)`
  for await (const rows of eachPiece(session, { query, values: [name], signal })) {
    const pairs = rows.flatMap(([left, right, ...fields]): Value[][] => {
      const prepare = (from: number): Prepared =>
        model.prepare(fields.slice(from, from + model.fields.length))
      const score = model.score(prepare(0), prepare(model.fields.length))
      return score >= model.floor ? [[left ?? '', right ?? '', String(score)]] : []
    })
    await copyInto(session, 'scratch_pair (l, r, score)', pairs)
  }
  await session.query(
    `insert into scratch_pair (l, r, score)
     select d.left_id, d.right_id, ${mustScore} from syncline.match_decision d
       join syncline.match_record_${number} ours on ours.side = 'l' and ours.id = d.left_id
       join syncline.match_record_${number} theirs on theirs.side = 'r' and theirs.id = d.right_id
      where d.match = $1 and d.verdict = 'must' and d.undone_at is null`,
    [name],
  )
  await session.query('analyze scratch_pair')
}

async function comparePairs(session: Session, model: number): Promise<Comparison> {
  return compareSides(session, {
    made: `select l, r, score from scratch_pair`,
    stored: `select side, id, partner, score from syncline.match_pair_${model} where model = $1`,
    model,
  })
}

async function compareAssignment(session: Session, model: number): Promise<Comparison> {
  return compareSides(session, {
    made: `select left_id as l, right_id as r, score from picked_pair`,
    stored: `select side, id, partner, score from syncline.match_assignment_${model} where model = $1`,
    model,
  })
}

async function compareSides(
  session: Session,
  { made, stored, model }: { made: string; stored: string; model: number },
): Promise<Comparison> {
  return compareRelations(
    session,
    `select coalesce(m.side, s.side)::text || ' ' || coalesce(m.id, s.id) || ' ' || coalesce(m.partner, s.partner) as label,
            m.id as made, s.id as stored, m.score <> s.score as differs
       from (select 'l'::"char" as side, l as id, r as partner, score from (${made}) one
              union all select 'r', r, l, score from (${made}) other) m
       full join (${stored}) s on s.side = m.side and s.id = m.id and s.partner = m.partner`,
    [model],
  )
}

/** Of a full join of what is made anew and what is stored: `label`, `made` and `stored` (null: not there), `differs`. */
export async function compareRelations(
  session: Session,
  joined: string,
  values: number[],
): Promise<Comparison> {
  const [compared, missing, extra, different, sample] = await session.one(
    `with joined as materialized (${joined})
     select count(made), count(*) filter (where stored is null), count(*) filter (where made is null),
            count(*) filter (where made is not null and stored is not null and differs),
            (select json_agg(label) from (select label from joined where made is null or stored is null or differs order by label limit ${sampled}) few)
       from joined`,
    values,
  )
  return {
    compared: Number(compared),
    missing: Number(missing),
    extra: Number(extra),
    different: Number(different),
    sample: JSON.parse(sample ?? '[]') as string[],
  }
}
