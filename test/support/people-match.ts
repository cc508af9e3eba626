import type { Column } from '../../src/changes/column.ts'
import { modelDefinition } from '../../src/match/definition.ts'
import { compileModel } from '../../src/match/model.ts'
import type { MatchPlan } from '../../src/warehouse/match-plan.ts'

const text = (name: string): Column => ({
  name,
  type: 'text',
  nullable: true,
  keyPosition: null,
  comment: null,
})
const key = (type: string): Column => ({ name: 'id', type, nullable: false, keyPosition: 1, comment: null })

/** People who work at a practice, and users: the smallest match that has a join. */
export const peopleStreams: Record<string, Column[]> = {
  person: [key('integer'), text('first'), text('last'), { ...text('practice_id'), type: 'integer' }],
  practice: [key('integer'), text('town')],
  user: [key('bigint'), text('first'), text('last'), text('town')],
}

/** Over the fields first_name, last_name, location, with thresholds so low that ties and rivals abound. */
export const peopleModel = compileModel(
  modelDefinition.parse({
    block: [['last_name'], ['first_name', 'location']],
    compare: { first_name: 'given-name', last_name: 'surname', location: 'place' },
    prior: 1_000,
    threshold: 2,
    review: -2,
  }),
  ['first_name', 'last_name', 'location'],
)

export const peoplePlan: MatchPlan = {
  name: 'person_match',
  description: 'People who are users.',
  model: peopleModel,
  left: {
    stream: 'person',
    prefix: 'person',
    joins: [{ stream: 'practice', column: 'practice_id', joinedColumn: 'id' }],
    fields: new Map([
      ['first_name', { stream: 'person', column: 'first' }],
      ['last_name', { stream: 'person', column: 'last' }],
      ['location', { stream: 'practice', column: 'town' }],
    ]),
  },
  right: {
    stream: 'user',
    prefix: 'user',
    joins: [],
    fields: new Map([
      ['first_name', { stream: 'user', column: 'first' }],
      ['last_name', { stream: 'user', column: 'last' }],
      ['location', { stream: 'user', column: 'town' }],
    ]),
  },
  single: ['location'],
  activity: null,
  definition: {},
}
