import { identifier } from '../state/identifiers.ts'
import type { SidePlan } from './match-plan.ts'
import type { Mirrors } from './matched-columns.ts'
import { columnOf, mirrorName, type Mirror } from './mirror-table.ts'

/** One side of a match over the mirrors that there are; `mirror`: of its own stream. */
export interface JoinedSide {
  readonly fields: readonly string[]
  readonly plan: SidePlan
  readonly mirror: Mirror
  readonly mirrors: Mirrors
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
export function joinsSql({ plan, mirror, mirrors }: JoinedSide): string {
  const joins = plan.joins.flatMap(({ stream, column, joinedColumn }) => {
    const joined = mirrors.get(stream)
    if (!joined) return []
    const alias = joinAlias(plan, stream)
    const text = columnOf(mirror, column).type === columnOf(joined, joinedColumn).type ? '' : '::text'
    const [own, key] = [identifier(column), identifier(joinedColumn)]
    return [`left join ${mirrorName(joined)} ${alias} on ${alias}.${key}${text} = base.${own}${text}`]
  })
  return joins.join(' ')
}

const joinAlias = (plan: SidePlan, stream: string): string =>
  `joined_${plan.joins.findIndex((join) => join.stream === stream)}`
