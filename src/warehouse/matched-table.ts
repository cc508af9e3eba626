import { OperatorError } from '../runtime/errors.ts'
import { identifier, literal, qualified } from '../state/identifiers.ts'
import { isMade, noteMadeTable } from '../state/made-relations.ts'
import { hasRecordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import type { LiveMatch, MatchPlan, SidePlan } from './match-plan.ts'
import { columnOf, keyOf, type Mirror } from './mirror-table.ts'
import { columnTypesOf, readColumnTypes } from './table-ddl.ts'
import { withViewsAside, type ViewFile } from './views.ts'
import { comparable } from './write-rows.ts'

/** One column of a matched table and the expression over `a` (assignment), `l`, `r` (records), `c` (as_of). */
interface MatchedColumn {
  readonly name: string
  readonly type: string
  readonly expression: string
  readonly comment: string
  readonly key?: 'left' | 'right'
}

export type Mirrors = ReadonlyMap<string, Mirror>

/** Creates the table in which analysts find the match, or re-creates it when its shape follows another plan. */
export async function ensureMatchedTable(
  session: Session,
  {
    schema,
    plan,
    mirrors,
    views,
  }: { schema: string; plan: MatchPlan; mirrors: Mirrors; views: readonly ViewFile[] },
): Promise<void> {
  const table = qualified(schema, plan.name)
  const columns = matchedColumns(plan, mirrors)
  const wanted = [...(await columnTypesOf(session, columns))].join('; ')
  const found = [...(await readColumnTypes(session, schema, plan.name))].join('; ')
  const made = { schema, name: plan.name }
  if (found === '') {
    await session.query(createSql(table, columns))
    await noteMadeTable(session, made)
  } else if (!(await isMade(session, made))) {
    throw notOurs(table, plan.name)
  } else if (found !== wanted) {
    // Derived data: the caller's publication fills it again from the match state.
    await withViewsAside(session, { schema, views, refused: () => inUse(table) }, async () => {
      await session.query(`drop table ${table}`)
      await session.query(createSql(table, columns))
    })
  }
  const comments = [
    `comment on table ${table} is ${literal(plan.description)}`,
    ...columns.map(
      ({ name, comment }) => `comment on column ${table}.${identifier(name)} is ${literal(comment)}`,
    ),
  ]
  await session.query(comments.join(';\n'))
}

function notOurs(table: string, match: string): OperatorError {
  return new OperatorError({
    area: 'data',
    code: 'table-not-ours',
    message: `match ${match}: there is a ${table} already that Syncline did not make`,
    hint: 'rename or drop it, or give the match another name, or the warehouse another schema (`warehouse.schema`)',
  })
}

function inUse(table: string): OperatorError {
  return new OperatorError({
    area: 'data',
    code: 'matched-table-in-use',
    message: `the columns of ${table} change with the configuration, but a view that is not in it depends on them`,
    hint: `drop the views that read ${table}, run again, and create them anew`,
  })
}

function createSql(table: string, columns: readonly MatchedColumn[]): string {
  const keyed = (side: 'left' | 'right'): string =>
    columns
      .filter(({ key }) => key === side)
      .map(({ name }) => identifier(name))
      .join(', ')
  const required = new Set(['match_weight', 'match_probability', 'model', 'matched_at', 'updated_at'])
  const definitions = columns.map(({ name, type, key }) => {
    const constraint = key !== undefined || required.has(name) ? ' not null' : ''
    return `  ${identifier(name)} ${type}${constraint}`
  })
  return `create table ${table} (\n${definitions.join(',\n')},\n  primary key (${keyed('left')}),\n  unique (${keyed('right')})\n)`
}

/**
 * Makes the matched table show the stored assignment, writing only rows that differ, so that update times tell
 * when something really changed.
 */
export async function publishMatch(
  session: Session,
  { schema, match, mirrors }: { schema: string; match: LiveMatch; mirrors: Mirrors },
): Promise<void> {
  const { plan, model } = match
  const table = qualified(schema, plan.name)
  const columns = matchedColumns(plan, mirrors)
  const leftKey = prefixedKey(plan.left, mirrors)
  const rightKey = prefixedKey(plan.right, mirrors)
  await session.query(
    `delete from ${table} t where not exists (
       select from syncline.match_assignment_${model} a
        where a.side = 'l' and ${hasRecordIdSql('t', leftKey, 'a.id')} and ${hasRecordIdSql('t', rightKey, 'a.partner')})`,
  )
  const names = columns.map(({ name }) => identifier(name))
  const changing = columns.filter(({ key, name }) => key !== 'left' && name !== 'matched_at')
  const compared = changing.filter(({ name }) => name !== 'updated_at')
  await session.query(
    `insert into ${table} as t (${names.join(', ')})
     select ${columns.map(({ expression, type }) => `(${expression})::${type}`).join(', ')}
       from syncline.match_assignment_${model} a
       join syncline.match_record_${model} l on l.model = ${model} and l.side = 'l' and l.id = a.id
       join syncline.match_record_${model} r on r.model = ${model} and r.side = 'r' and r.id = a.partner
       cross join (select as_of from ${qualified(schema, 'as_of')}) c
      where a.model = ${model} and a.side = 'l'
     on conflict (${leftKey.map(({ name }) => identifier(name)).join(', ')}) do update
       set ${changing.map(({ name }) => `${identifier(name)} = excluded.${identifier(name)}`).join(', ')}
     where (${compared.map((column) => comparable('t', column)).join(', ')})
        is distinct from (${compared.map((column) => comparable('excluded', column)).join(', ')})`,
  )
}

function prefixedKey(side: SidePlan, mirrors: Mirrors): { name: string; type: string }[] {
  const mirror = mirrors.get(side.stream)
  if (!mirror) return []
  return keyOf(mirror).map(({ name, type }) => ({ name: `${side.prefix}_${name}`, type }))
}

function matchedColumns(plan: MatchPlan, mirrors: Mirrors): MatchedColumn[] {
  return [
    ...keyColumnsOf(plan.left, 'left', mirrors),
    ...keyColumnsOf(plan.right, 'right', mirrors),
    ...plan.model.fields.flatMap((field, place) => fieldColumns(plan, { field, place, mirrors })),
    ...activityColumns(plan, mirrors),
    {
      name: 'match_weight',
      type: 'numeric(10,3)',
      expression: 'a.score / 1000.0',
      comment: 'How strongly the fields speak for one person, in bits: each bit doubles the odds.',
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
        name: `${side.prefix}_active`,
        type: 'boolean',
        expression: `${record}.fields[${place}]::date >= c.as_of - ${activity.days}`,
        comment: `Whether ${side.stream} saw this person within the ${activity.days} days before as_of, the ${activity.days}th day included. Null: no date known.`,
      },
    ]
  })
}

function fieldType(side: SidePlan, field: string, mirrors: Mirrors): string | null {
  const source = side.fields.get(field)
  const mirror = source && mirrors.get(source.stream)
  return mirror ? columnOf(mirror, source.column).type : null
}

function readable(field: string): string {
  const words = field.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
