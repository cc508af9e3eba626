import type { Column } from '../changes/column.ts'
import { identifier } from '../state/identifiers.ts'
import { longestId } from '../state/record-id.ts'
import type { Join, SidePlan } from './match-plan.ts'
import type { Mirrors } from './matched-columns.ts'
import { columnOf, mirrorName, type Mirror } from './mirror-table.ts'

/** One side of a match over the mirrors that there are; `mirror`: of its own stream. */
export interface JoinedSide {
  readonly fields: readonly string[]
  readonly plan: SidePlan
  readonly mirror: Mirror
  readonly mirrors: Mirrors
}

/**
 * How rows find the row that they join: by value where both columns have one type or are integers, else by what they print.
 * `own(alias) = value(…)` and `joined(alias) = value(…)` are conditions that the indexes of `indexJoins` serve, where
 * `value` takes a column of the other table or a text that it prints.
 */
export interface JoinSql {
  readonly own: (alias: string) => string
  readonly joined: (alias: string) => string
  readonly value: (expression: string) => string
  /** What an index on either column has, without its parentheses: null where Postgres has no index for it. */
  readonly indexed: ((column: string) => string) | null
  readonly byText: boolean
  /** Whether joined rows need an index to be found by what they print: where they have no key that serves. */
  readonly needsIndex: boolean
}

const isInteger = (type: string): boolean => /^(smallint|integer|bigint)$/.test(type)
const isText = (type: string): boolean => /^(text|varchar|char|character)/.test(type)

/** Types of which every session prints the same, so that Postgres lets an index have what they print. */
const printsAlike = (type: string): boolean =>
  isInteger(type) || isText(type) || /^(numeric|boolean|uuid|bytea)/.test(type)

export function joinSql(own: Column, joined: Column): JoinSql {
  const column =
    (name: string) =>
    (alias: string): string =>
      `${alias}.${identifier(name)}`
  const integers = isInteger(own.type) && isInteger(joined.type)
  // Texts of one type are here, too: what they are compared with may have another collation, for which no index is. And
  // bytes, for no index takes long values of either.
  const byText = !integers && (own.type !== joined.type || isText(own.type) || own.type === 'bytea')
  if (!byText) {
    return {
      own: column(own.name),
      joined: column(joined.name),
      // Any key fits it, whichever of the two is wider.
      value: (expression) => `${expression}::${integers ? 'bigint' : own.type}`,
      indexed: identifier,
      byText,
      needsIndex: false,
    }
  }
  const text =
    (name: string) =>
    (alias: string): string =>
      storable(`${alias}.${identifier(name)}`)
  // The key of a mirror that is text compares bytewise and is never too long: while it is loaded there is no other index.
  const byKey = joined.keyPosition === 1 && /^(text|varchar|character varying)/.test(joined.type)
  return {
    own: text(own.name),
    joined: byKey ? column(joined.name) : text(joined.name),
    value: (expression) => `${expression}::text collate "C"`,
    indexed:
      printsAlike(own.type) && printsAlike(joined.type)
        ? (name) => `(${storable(identifier(name))}) collate "C"`
        : null,
    byText,
    needsIndex: !byKey,
  }
}

/** Null for what is longer than any key: it joins nothing, and no index could hold it. */
const storable = (expression: string): string =>
  `(case when octet_length(${expression}::text) <= ${longestId} then ${expression}::text end)`

/** Null while one of the streams has not announced its shape. */
export function joinSqlOf(plan: SidePlan, join: Join, mirrors: Mirrors): JoinSql | null {
  const [base, joined] = [mirrors.get(plan.stream), mirrors.get(join.stream)]
  if (!base || !joined) return null
  return joinSql(columnOf(base, join.column), columnOf(joined, join.joinedColumn))
}

/** An expression for each field of the model over `base` and `joinsSql`, null for fields that this side lacks. */
export function fieldsSql({ fields, plan, mirrors }: JoinedSide): string {
  return fields
    .map((field) => {
      const source = plan.fields.get(field)
      // A joined stream that has not announced its shape yet has nothing to give; its rows will come as changes.
      if (!source || !mirrors.has(source.stream)) return 'null::text'
      const alias = source.stream === plan.stream ? 'base' : joinAlias(plan, source.stream)
      return `${alias}.${identifier(source.column)}::text`
    })
    .join(', ')
}

/** What follows `from <own mirror> base`. */
export function joinsSql({ plan, mirrors }: JoinedSide): string {
  const joins = plan.joins.flatMap((join) => {
    const [joined, sql] = [mirrors.get(join.stream), joinSqlOf(plan, join, mirrors)]
    if (!joined || !sql) return []
    const alias = joinAlias(plan, join.stream)
    return [
      `left join ${mirrorName(joined)} ${alias} on ${sql.joined(alias)} = ${sql.value(sql.own('base'))}`,
    ]
  })
  return joins.join(' ')
}

const joinAlias = (plan: SidePlan, stream: string): string =>
  `joined_${plan.joins.findIndex((join) => join.stream === stream)}`
