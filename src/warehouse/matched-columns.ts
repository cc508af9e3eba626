import { identifier } from '../state/identifiers.ts'
import { columnOf, keyOf, type Mirror } from './mirror-table.ts'
import type { MatchPlan, SidePlan } from './match-plan.ts'

/** One column of a matched table and the expression over `a` (assignment), `l`, `r` (records), `c` (as_of). */
export interface MatchedColumn {
  readonly name: string
  readonly type: string
  readonly expression: string
  readonly comment: string
  readonly key?: 'left' | 'right'
}

export type Mirrors = ReadonlyMap<string, Mirror>

/** The key columns of one side as the matched table names them. */
export function prefixedKey(side: SidePlan, mirrors: Mirrors): { name: string; type: string }[] {
  const mirror = mirrors.get(side.stream)
  if (!mirror) return []
  return keyOf(mirror).map(({ name, type }) => ({ name: `${side.prefix}_${name}`, type }))
}

export function matchedColumns(plan: MatchPlan, mirrors: Mirrors): MatchedColumn[] {
  return [
    ...keyColumnsOf(plan.left, 'left', mirrors),
    ...keyColumnsOf(plan.right, 'right', mirrors),
    ...plan.model.fields.flatMap((field, place) => fieldColumns(plan, { field, place, mirrors })),
    ...activityColumns(plan, mirrors),
    {
      name: 'match_weight',
      type: 'numeric(10,3)',
      expression: 'a.score / 1000.0',
      comment:
        'How strongly the fields speak for one person, in bits: each bit doubles the odds. 2147483.647: a reviewer said so.',
    },
    {
      name: 'match_probability',
      type: 'numeric(7,6)',
      // 2^40 to one is certain enough; beyond it the power would only overflow.
      expression: '1 / (1 + power(2::double precision, -least(greatest(a.score / 1000.0, -40), 40)))',
      comment: 'The weight as a probability that both records are the same person.',
    },
    {
      name: 'model',
      type: 'integer',
      expression: 'a.model',
      comment: 'The version of the match model, see syncline.model.',
    },
    {
      name: 'matched_at',
      type: 'timestamp with time zone',
      expression: 'a.matched_at',
      comment: 'When these two were matched.',
    },
    {
      name: 'updated_at',
      type: 'timestamp with time zone',
      expression: 'now()',
      comment: 'When anything in this row last changed.',
    },
  ]
}

function keyColumnsOf(side: SidePlan, key: 'left' | 'right', mirrors: Mirrors): MatchedColumn[] {
  const [record, id] = key === 'left' ? ['l', 'a.id'] : ['r', 'a.partner']
  const columns = prefixedKey(side, mirrors)
  return columns.map(({ name, type }, place) => ({
    name,
    type,
    key,
    expression: columns.length === 1 ? id : `(${record}.id::json ->> ${place})`,
    comment: `The key of the record in ${side.stream}.`,
  }))
}

interface FieldPlace {
  readonly field: string
  readonly place: number
  readonly mirrors: Mirrors
}

function fieldColumns(plan: MatchPlan, { field, place, mirrors }: FieldPlace): MatchedColumn[] {
  const of = (side: SidePlan, record: 'l' | 'r'): MatchedColumn[] => {
    const type = fieldType(side, field, mirrors)
    if (type === null) return []
    return [
      {
        name: `${side.prefix}_${field}`,
        type,
        expression: `${record}.fields[${place + 1}]`,
        comment: `${readable(field)} as given by ${side.stream}.`,
      },
    ]
  }
  const [left] = of(plan.left, 'l')
  const [right] = of(plan.right, 'r')
  if (plan.single.includes(field) && left && right) {
    return [
      {
        name: field,
        type: left.type === right.type ? left.type : 'text',
        expression: `coalesce(${left.expression}, ${right.expression})`,
        comment: `${readable(field)} as given by ${plan.left.stream}, or by ${plan.right.stream} where that is missing.`,
      },
    ]
  }
  return [left, right].filter((column) => column !== undefined)
}

function activityColumns(plan: MatchPlan, mirrors: Mirrors): MatchedColumn[] {
  const { activity } = plan
  if (!activity) return []
  const place = plan.model.fields.indexOf(activity.field) + 1
  return (
    [
      ['l', plan.left],
      ['r', plan.right],
    ] as const
  ).flatMap(([record, side]) => {
    if (fieldType(side, activity.field, mirrors) === null) return []
    return [
      {
        name: activeColumn(side),
        type: 'boolean',
        expression: `${record}.fields[${place}]::date >= c.as_of - ${activity.days}`,
        comment: `Whether ${side.stream} saw this person within the ${activity.days} days before as_of, the ${activity.days}th day included. Null: no date known.`,
      },
    ]
  })
}

/** Whether the row `t` of the matched table says that a side is active; null where it does not say. */
export function activeSql(plan: MatchPlan, side: SidePlan, mirrors: Mirrors): string {
  const isShown = plan.activity && fieldType(side, plan.activity.field, mirrors) !== null
  return isShown ? `t.${identifier(activeColumn(side))}` : 'null::boolean'
}

const activeColumn = (side: SidePlan): string => `${side.prefix}_active`

function fieldType(side: SidePlan, field: string, mirrors: Mirrors): string | null {
  const source = side.fields.get(field)
  const mirror = source && mirrors.get(source.stream)
  return mirror ? columnOf(mirror, source.column).type : null
}

function readable(field: string): string {
  const words = field.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
