import fc from 'fast-check'
import type { Change } from '../../src/changes/change.ts'
import { greedy } from '../../src/match/assign.ts'
import { comparePairs, mustScore } from '../../src/match/order.ts'
import { summandsOf, type Prepared } from '../../src/match/model.ts'
import type { StoredPair } from '../../src/state/matches.ts'
import { peopleModel, peopleStreams } from './people-match.ts'
import type { Step } from './scripted-source.ts'

const first = fc.constantFrom('ann', 'anna', 'bob', null)
const last = fc.constantFrom('lee', 'li', 'lee-day', null)
const town = fc.constantFrom('york', 'leeds', null)
const worker = fc.record({ first, last, practice_id: fc.constantFrom('1', '2', '3', null) })
const account = fc.record({ first, last, town })
const put = (stream: string, id: number, row: Record<string, string | null>): Change => ({
  kind: 'upsert',
  stream,
  key: [String(id)],
  row: { id: String(id), ...row },
})
const upsert = (
  stream: string,
  row: fc.Arbitrary<Record<string, string | null>>,
  ids: number,
): fc.Arbitrary<Change> =>
  fc.tuple(fc.integer({ min: 1, max: ids }), row).map(([id, rest]) => put(stream, id, rest))

const rowChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: upsert('person', worker, 6) },
  { weight: 4, arbitrary: upsert('user', account, 6) },
  { weight: 1, arbitrary: upsert('practice', fc.record({ town }), 3) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('person', 'user', 'practice'), fc.integer({ min: 1, max: 6 }))
      .map(([stream, id]): Change => ({ kind: 'delete', stream, key: [String(id)] })),
  },
)
const stream = fc.constantFrom('person', 'user', 'practice')
const resync = fc
  .tuple(stream, fc.array(rowChange, { maxLength: 5 }))
  .map(([name, changes]): Change[] => [
    { kind: 'resync-begin', stream: name },
    ...changes,
    { kind: 'resync-end', stream: name },
  ])
/** Keys, and what joins them, get types that print all ids of the script alike. */
const retype = fc
  .tuple(
    fc.constantFrom('person.id', 'person.practice_id', 'practice.id', 'user.id'),
    fc.constantFrom('integer', 'bigint', 'text', 'varchar(9)', 'numeric(5,0)'),
  )
  .map(([place, type]): Change[] => {
    const [name = '', column] = place.split('.')
    const columns = (peopleStreams[name] ?? []).map((one) => (one.name === column ? { ...one, type } : one))
    return [{ kind: 'schema', stream: name, columns }]
  })
const common: { weight: number; arbitrary: fc.Arbitrary<Change[]> }[] = [
  { weight: 8, arbitrary: rowChange.map((change) => [change]) },
  { weight: 1, arbitrary: resync },
  { weight: 1, arbitrary: stream.map((name): Change[] => [{ kind: 'truncate', stream: name }]) },
]
const batchesOf = (changes: fc.Arbitrary<Change[]>): fc.Arbitrary<{ changes: Change[] }[]> =>
  fc.array(
    fc.array(changes, { minLength: 1, maxLength: 6 }).map((lists) => ({ changes: lists.flat() })),
    {
      minLength: 1,
      maxLength: 5,
    },
  )

/** Batches of changes of people, practices and users, few of each, so that they collide. */
export const script = batchesOf(fc.oneof(...common))

const anyChanges = fc.oneof(...common, { weight: 1, arbitrary: retype })

/** The same, with keys and joining columns that get other types on the way. */
export const retypingScript = batchesOf(anyChanges)

/** The changes of one batch of it: mostly of single rows, since what empties whole streams leaves nothing to collide. */
export const retypingBatch = fc.oneof(
  { weight: 3, arbitrary: fc.array(rowChange, { minLength: 1, maxLength: 6 }) },
  {
    weight: 1,
    arbitrary: fc.array(anyChanges, { minLength: 1, maxLength: 6 }).map((lists) => lists.flat()),
  },
)

/** Every person, practice and user that the script knows. */
export const everybody: fc.Arbitrary<Change[]> = fc.tuple(
  ...[1, 2, 3].map((id) => fc.record({ town }).map((row) => put('practice', id, row))),
  ...[1, 2, 3, 4, 5, 6].flatMap((id) => [
    worker.map((row) => put('person', id, row)),
    account.map((row) => put('user', id, row)),
  ]),
)

export type Tables = ReadonlyMap<string, ReadonlyMap<string, Record<string, string | null>>>

/** What the tables must hold in the end, by the meaning of the changes alone. */
export function fold(steps: readonly Step[]): Map<string, Map<string, Record<string, string | null>>> {
  const tables = new Map(
    Object.keys(peopleStreams).map((name) => [name, new Map<string, Record<string, string | null>>()]),
  )
  const seen = new Map<string, Set<string>>()
  for (const change of steps.flatMap(({ changes }) => changes)) {
    const table = tables.get(change.stream) ?? new Map<string, Record<string, string | null>>()
    if (change.kind === 'upsert') table.set(change.key[0] ?? '', { ...change.row })
    if (change.kind === 'delete') table.delete(change.key[0] ?? '')
    if (change.kind === 'truncate') table.clear()
    if (change.kind === 'upsert' || change.kind === 'delete')
      seen.get(change.stream)?.add(change.key[0] ?? '')
    if (change.kind === 'resync-begin') seen.set(change.stream, new Set())
    if (change.kind === 'resync-end') {
      for (const id of table.keys()) if (!seen.get(change.stream)?.has(id)) table.delete(id)
      seen.delete(change.stream)
    }
  }
  return tables
}

export interface Decided {
  readonly left: string
  readonly right: string
  readonly verdict: 'must' | 'cannot'
}

/** A record as the matcher has it: its id, and the values of the model's fields. */
export interface MatchedRecord {
  readonly id: string
  readonly fields: readonly (string | null)[]
}

export interface MatchedRecords {
  readonly left: readonly MatchedRecord[]
  readonly right: readonly MatchedRecord[]
}

/** The records that the tables make. */
export function recordsOf(tables: Tables): MatchedRecords {
  const towns = tables.get('practice')
  const names = (row: Record<string, string | null>): (string | null)[] => [
    row['first'] ?? null,
    row['last'] ?? null,
  ]
  return {
    left: [...(tables.get('person') ?? [])].map(([id, row]) => ({
      id,
      fields: [...names(row), towns?.get(row['practice_id'] ?? '')?.['town'] ?? null],
    })),
    right: [...(tables.get('user') ?? [])].map(([id, row]) => ({
      id,
      fields: [...names(row), row['town'] ?? null],
    })),
  }
}

/** The pairs by definition: those that share a key and are no cannot, and those that must be; scored, best first. */
export function bruteForcePairs(
  { left, right }: MatchedRecords,
  decisions: readonly Decided[] = [],
  model = peopleModel,
): StoredPair[] {
  const prepare = (record: MatchedRecord): { id: string; record: Prepared } => ({
    id: record.id,
    record: model.prepare(record.fields),
  })
  const users = right.map(prepare)
  const verdictOf = new Map(decisions.map((one) => [`${one.left} ${one.right}`, one.verdict]))
  const pairs = left.map(prepare).flatMap((person) => {
    const keys = new Set(model.keys(person.record))
    return users.flatMap((user): StoredPair[] => {
      const summands = summandsOf(model, person.record, user.record)
      const pair = { left: person.id, right: user.id, summands }
      const verdict = verdictOf.get(`${person.id} ${user.id}`)
      if (verdict === 'must') return [{ ...pair, score: mustScore }]
      if (verdict === 'cannot') return []
      if (!model.keys(user.record).some((value) => keys.has(value))) return []
      const score = model.score(person.record, user.record)
      return score >= model.floor ? [{ ...pair, score }] : []
    })
  })
  return pairs.sort(comparePairs)
}

/** The match by definition, as `person-user weight`. */
export function bruteForce(
  records: MatchedRecords,
  decisions: readonly Decided[] = [],
  model = peopleModel,
): string[] {
  return greedy(bruteForcePairs(records, decisions, model), model.threshold)
    .map(({ left, right, score }) => `${left}-${right} ${(score / 1000).toFixed(3)}`)
    .sort()
}

/** Announces the streams. */
export const begin: Step = {
  changes: Object.entries(peopleStreams).map(([name, columns]): Change => ({
    kind: 'schema',
    stream: name,
    columns,
  })),
}

/** What reviewers say after each batch, about few pairs, so that they say it again and otherwise. */
export const reviews = fc.array(
  fc.array(
    fc.record({
      left: fc.integer({ min: 1, max: 6 }).map(String),
      right: fc.integer({ min: 1, max: 6 }).map(String),
      verdict: fc.constantFrom('must' as const, 'cannot' as const, null),
    }),
    { maxLength: 3 },
  ),
  { minLength: 5, maxLength: 5 },
)
