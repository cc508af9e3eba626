import type { MatchConfig } from '../../src/config/match.ts'
import type { Column } from '../../src/changes/column.ts'
import { modelDefinition } from '../../src/match/definition.ts'
import { matchPlan } from '../../src/wiring.ts'

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

const model = modelDefinition.parse({
  block: [['last_name'], ['first_name', 'location']],
  compare: { first_name: 'given-name', last_name: 'surname', location: 'place' },
  prior: 1_000,
  threshold: 2,
  review: -2,
})

export const peopleMatch: MatchConfig = {
  name: 'person_match',
  description: 'People who are users.',
  model,
  left: {
    stream: 'person',
    prefix: 'person',
    joins: [{ stream: 'practice', column: 'practice_id', joinedColumn: 'id' }],
    fields: {
      first_name: { stream: 'person', column: 'first' },
      last_name: { stream: 'person', column: 'last' },
      location: { stream: 'practice', column: 'town' },
    },
  },
  right: {
    stream: 'user',
    prefix: 'user',
    joins: [],
    fields: {
      first_name: { stream: 'user', column: 'first' },
      last_name: { stream: 'user', column: 'last' },
      location: { stream: 'user', column: 'town' },
    },
  },
  single: ['location'],
  activity: null,
}

export const peoplePlan = matchPlan(peopleMatch)

/** Over the fields first_name, last_name, location, with thresholds so low that ties and rivals abound. */
export const peopleModel = peoplePlan.model
