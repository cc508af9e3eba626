import type { Row, Value } from '../changes/change.ts'
import { identifier } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'
import type { FieldSource, SidePlan } from './match-plan.ts'
import { joinSql } from './joined-sql.ts'
import { columnOf, mirrorName, type Mirror } from './mirror-table.ts'

/** What a row gets from a joined stream; null where the join finds nothing. */
export type JoinedFields = (row: Row, source: FieldSource) => Value

interface Found {
  readonly own: string
  readonly columns: readonly string[]
  readonly values: ReadonlyMap<string, readonly Value[]>
}

/**
 * Looks up what rows in memory get from the streams that a side joins, by the same equality as the joins in SQL. All is
 * asked before it returns its promise. Memory: the distinct values of the joining columns in `rows`.
 */
export async function joinedFields(
  session: Session,
  {
    plan,
    rows,
    mirror,
    mirrors,
  }: {
    plan: SidePlan
    rows: readonly { readonly row: Row }[]
    mirror: Mirror
    mirrors: ReadonlyMap<string, Mirror>
  },
): Promise<JoinedFields> {
  const found = new Map<string, Found>()
  const look = async ({ stream, column, joinedColumn }: SidePlan['joins'][number]): Promise<void> => {
    const joined = mirrors.get(stream)
    const columns = [...plan.fields.values()]
      .filter((field) => field.stream === stream)
      .map((field) => field.column)
    if (!joined || columns.length === 0) return
    const wanted = new Set(rows.flatMap(({ row }) => row[column] ?? []))
    const sql = joinSql(columnOf(mirror, column), columnOf(joined, joinedColumn))
    const lines = await session.query(
      `select own.value, ${columns.map((name) => `joined.${identifier(name)}::text`).join(', ')}
         from unnest($1::text[]) as own(value) join ${mirrorName(joined)} joined on ${sql.joined('joined')} = ${sql.value('own.value')}`,
      [[...wanted]],
    )
    found.set(stream, {
      own: column,
      columns,
      values: new Map(lines.map(([own, ...values]) => [own ?? '', values])),
    })
  }
  await Promise.all(plan.joins.map(look))
  return (row, { stream, column }) => {
    const joined = found.get(stream)
    const own = joined && row[joined.own]
    if (own === undefined || own === null) return null
    return joined?.values.get(own)?.[joined.columns.indexOf(column)] ?? null
  }
}
