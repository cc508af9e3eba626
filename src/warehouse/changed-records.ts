import { identifier } from '../state/identifiers.ts'
import type { Side } from '../state/key-table.ts'
import { recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import type { LiveMatch, SidePlan } from './match-plan.ts'
import { keyOf, type Mirror } from './mirror-table.ts'

/**
 * The records that the open transaction has to re-match, and the joined rows that it changed: temporary tables, filled
 * by set-based statements so that ids need not travel, emptied at the end of the transaction (`noting`).
 */
export async function prepareChangedRecords(session: Session): Promise<void> {
  if (session.prepared.has('changed_record')) return
  await session.query(
    `create temporary table if not exists changed_record (
       model integer, side "char", id text collate "C", n bigint generated always as identity,
       primary key (model, side, id));
     create temporary table if not exists changed_join (
       model integer, side "char", place integer, key text collate "C",
       primary key (model, side, place, key))`,
  )
  session.prepared.set('changed_record', '')
}

/** One side of one match that reads a stream, as its own or as a joined one. */
export interface Reader {
  readonly model: number
  readonly side: Side
  readonly plan: SidePlan
}

export function readersOf(matches: readonly LiveMatch[]): Reader[] {
  return matches.flatMap(({ model, plan }) => [
    { model, side: 'l' as const, plan: plan.left },
    { model, side: 'r' as const, plan: plan.right },
  ])
}

/** Whether a match takes fields from the stream by a join. */
export function isJoined(stream: string, matches: readonly LiveMatch[]): boolean {
  return readersOf(matches).some(({ plan }) => plan.joins.some((join) => join.stream === stream))
}

/**
 * What follows `with written as (…)`: notes the changed rows of `mirror`, given as the relation `written` with the
 * mirror's key columns, as records to be re-matched, and as joined rows whose records are. With the relation `former`,
 * which has rows as they were before, and all columns in both, joined rows count only if what is taken from them differs.
 * Null when no match reads the mirror.
 */
export function noteChangedSql(
  mirror: Mirror,
  matches: readonly LiveMatch[],
  { former = false }: { former?: boolean } = {},
): string | null {
  const id = recordIdSql(
    'written',
    keyOf(mirror).map(({ name }) => name),
  )
  const own: string[] = []
  const joined: string[] = []
  for (const { model, side, plan } of readersOf(matches)) {
    if (plan.stream === mirror.stream) own.push(`select ${model}, '${side}'::"char", ${id} from written`)
    plan.joins.forEach(({ stream, joinedColumn }, place) => {
      if (stream !== mirror.stream) return
      const key = identifier(joinedColumn)
      const taken = [...plan.fields.values()].filter((field) => field.stream === stream)
      const values = (row: string): string =>
        `array[${taken.map(({ column }) => `${row}.${identifier(column)}::text`).join(', ')}]::text[]`
      const differs = `not exists (
        select from former where former.${key} = written.${key} and ${values('former')} = ${values('written')})`
      joined.push(
        `select ${model}, '${side}'::"char", ${place}, written.${key}::text from written${former ? ` where ${differs}` : ''}`,
      )
    })
  }
  const inserts = [
    ...(own.length > 0 ? [`changed_record (model, side, id) ${own.join(' union all ')}`] : []),
    ...(joined.length > 0 ? [`changed_join (model, side, place, key) ${joined.join(' union all ')}`] : []),
  ].map((insert) => `insert into ${insert} on conflict do nothing`)
  const last = inserts.pop()
  return last === undefined ? null : [...inserts.map((insert) => `, noted as (${insert})`), last].join(' ')
}

/** How many records, and how many joined rows, are noted. */
export async function countChanged(session: Session): Promise<{ records: number; joined: number }> {
  const [records, joined] = await session.one(
    'select (select count(*) from changed_record), (select count(*) from changed_join)',
  )
  return { records: Number(records), joined: Number(joined) }
}

/** What is noted of one side of a model version; its numbers are in between, with those of others among them. */
export interface ChangedRange {
  readonly model: number
  readonly side: Side
  readonly first: number
  readonly last: number
}

export async function changedRanges(session: Session): Promise<ChangedRange[]> {
  const rows = await session.query(
    'select model, side, min(n), max(n) from changed_record group by model, side order by model, side',
  )
  return rows.map(([model, side, first, last]) => ({
    model: Number(model),
    side: side === 'l' ? 'l' : 'r',
    first: Number(first),
    last: Number(last),
  }))
}
