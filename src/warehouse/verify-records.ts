import { compareRelations, type Comparison } from '../match/verify.ts'
import { identifier, qualified } from '../state/identifiers.ts'
import { recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { fieldsSql, joinSqlOf, joinsSql, type JoinedSide } from './joined-sql.ts'
import type { MatchPlan } from './match-plan.ts'
import { matchedColumns, prefixedKey, type Mirrors } from './matched-columns.ts'
import { keyOf, mirrorName } from './mirror-table.ts'
import { everyRecord } from './rematch-queue.ts'

/** A published version and what its records come from. */
export interface VerifiedMatch {
  readonly schema: string
  readonly model: number
  readonly plan: MatchPlan
  readonly mirrors: Mirrors
}

/**
 * Compares the records of a version with the rows of the mirrors that they are made of, joined. Those that wait in the queue
 * are left out: they are to differ. Postgres joins; nothing is held in memory here. A version that was dropped meanwhile is
 * an undefined table, not one without rows, since its own tables are named.
 */
export async function verifyRecords(session: Session, verified: VerifiedMatch): Promise<Comparison> {
  const { model, plan: match, mirrors } = verified
  const made = (['l', 'r'] as const).map((side) => {
    const plan = side === 'l' ? match.left : match.right
    const mirror = mirrors.get(plan.stream)
    if (!mirror) return `select '${side}'::"char", null::text, null::text[], false where false`
    const joined = { fields: match.model.fields, plan, mirror, mirrors }
    const id = recordIdSql(
      'base',
      keyOf(mirror).map(({ name }) => name),
    )
    return `select '${side}'::"char", ${id}, array[${fieldsSql(joined)}]::text[], ${fannedOutSql(verified, side, { plan, mirror })}
              from ${mirrorName(mirror)} base ${joinsSql(joined)}`
  })
  return compareRelations(
    session,
    `select coalesce(m.side, r.side)::text || ' ' || coalesce(m.id, r.id) as label,
            m.id as made, r.id as stored, m.fields is distinct from r.fields as differs
       from (${made.join(' union all ')}) m (side, id, fields, waits)
       full join (select side, id, fields from syncline.match_record_${model} where model = $1) r
         on r.side = m.side and r.id = m.id collate "C"
      where m.waits is not true and not exists (
        select from syncline.match_queue q
         where q.model = $1 and q.side = coalesce(m.side, r.side) and q.id = coalesce(m.id, r.id))`,
    [model],
  )
}

/** Whether a row waits for what it joins, or with all of its side. */
function fannedOutSql(
  { model, mirrors }: VerifiedMatch,
  side: 'l' | 'r',
  { plan, mirror }: Pick<JoinedSide, 'plan' | 'mirror'>,
): string {
  const waits = (place: number, condition: string): string =>
    `exists (select from syncline.match_fan_out f
      where f.model = ${model} and f.side = '${side}' and f.place = ${place} and ${condition})`
  const joined = plan.joins.flatMap((join, place) => {
    const sql = joinSqlOf(plan, join, mirrors)
    return sql ? [waits(place, `${sql.own('base')} = ${sql.value('f.key')}`)] : []
  })
  const key = keyOf(mirror)
  const after = key.map(({ type }, at) => `f.after_key[${at + 1}]::${type}`)
  const own = key.map(({ name }) => `base.${identifier(name)}`)
  const isAhead = `(f.after_key is null or (${own.join(', ')}) > (${after.join(', ')}))`
  return [waits(everyRecord, isAhead), ...joined].join(' or ')
}

/** Compares the matched table with what its match and its records make of it. The times of changes are not compared. */
export async function verifyTable(session: Session, verified: VerifiedMatch): Promise<Comparison> {
  const { schema, model, plan, mirrors } = verified
  const columns = matchedColumns(plan, mirrors).filter(
    ({ name }) => name !== 'matched_at' && name !== 'updated_at',
  )
  const names = columns.map(({ name }) => identifier(name))
  const shown = (alias: string): string =>
    `to_jsonb(array[${names.map((name) => `to_jsonb(${alias}.${name})`).join(', ')}])`
  const id = recordIdSql(
    't',
    prefixedKey(plan.left, mirrors).map(({ name }) => name),
  )
  return compareRelations(
    session,
    `select coalesce(m.id, s.id) as label, m.id as made, s.id as stored, m.shown <> s.shown as differs
       from (select id, ${shown('made')} as shown from (
               select a.id, ${columns.map(({ name, expression, type }) => `(${expression})::${type} as ${identifier(name)}`).join(', ')}
                 from syncline.match_assignment_${model} a
                 join syncline.match_record_${model} l on l.side = 'l' and l.id = a.id
                 join syncline.match_record_${model} r on r.side = 'r' and r.id = a.partner
                cross join (select as_of from ${qualified(schema, 'as_of')}) c
                where a.side = 'l') made) m
       full join (select ${id} as id, ${shown('t')} as shown from ${qualified(schema, plan.name)} t) s on s.id = m.id`,
    [],
  )
}
