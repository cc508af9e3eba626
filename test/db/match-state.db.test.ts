import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import { greedy } from '../../src/match/assign.ts'
import { comparePairs } from '../../src/match/order.ts'
import { commitBatch, drainQueue } from '../../src/warehouse/commit.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { peopleModel, peoplePlan, peopleStreams } from '../support/people-match.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches, scriptedSource, type Step } from '../support/scripted-source.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

const first = fc.constantFrom('ann', 'anna', 'bob', null)
const last = fc.constantFrom('lee', 'li', 'lee-day', null)
const town = fc.constantFrom('york', 'leeds', null)
const upsert = (
  stream: string,
  row: fc.Arbitrary<Record<string, string | null>>,
  ids: number,
): fc.Arbitrary<Change> =>
  fc.tuple(fc.integer({ min: 1, max: ids }).map(String), row).map(([id, rest]) => ({
    kind: 'upsert',
    stream,
    key: [id],
    row: { id, ...rest },
  }))

const rowChange: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: upsert(
      'person',
      fc.record({ first, last, practice_id: fc.constantFrom('1', '2', '3', null) }),
      6,
    ),
  },
  { weight: 4, arbitrary: upsert('user', fc.record({ first, last, town }), 6) },
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
const changes = fc.oneof(
  { weight: 8, arbitrary: rowChange.map((change) => [change]) },
  { weight: 1, arbitrary: resync },
  { weight: 1, arbitrary: stream.map((name): Change[] => [{ kind: 'truncate', stream: name }]) },
)
const script = fc.array(
  fc.array(changes, { minLength: 1, maxLength: 6 }).map((lists) => ({ changes: lists.flat() })),
  {
    minLength: 1,
    maxLength: 5,
  },
)

/** What the tables must hold in the end, by the meaning of the changes alone. */
function fold(steps: readonly Step[]): Map<string, Map<string, Record<string, string | null>>> {
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

/** The match by definition: all pairs that share a key, scored, the best first. */
function bruteForce(tables: ReturnType<typeof fold>): string[] {
  const people = [...(tables.get('person') ?? [])].map(([id, row]) => ({
    id,
    record: peopleModel.prepare([
      row['first'] ?? null,
      row['last'] ?? null,
      tables.get('practice')?.get(row['practice_id'] ?? '')?.['town'] ?? null,
    ]),
  }))
  const users = [...(tables.get('user') ?? [])].map(([id, row]) => ({
    id,
    record: peopleModel.prepare([row['first'] ?? null, row['last'] ?? null, row['town'] ?? null]),
  }))
  const pairs = people.flatMap((person) => {
    const keys = new Set(peopleModel.keys(person.record))
    return users
      .filter((user) => peopleModel.keys(user.record).some((value) => keys.has(value)))
      .map((user) => ({
        left: person.id,
        right: user.id,
        score: peopleModel.score(person.record, user.record),
      }))
      .filter(({ score }) => score >= peopleModel.threshold)
  })
  return greedy(pairs.sort(comparePairs)).map(
    ({ left, right, score }) => `${left}-${right} ${(score / 1000).toFixed(3)}`,
  )
}

const begin: Step = {
  changes: Object.entries(peopleStreams).map(([name, columns]): Change => ({
    kind: 'schema',
    stream: name,
    columns,
  })),
}

describe('the committed state', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.drop())

  it('is the batch match of the final data after any sequence of changes, and the mirrors are the final data', async () => {
    const warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const { session, state } = warehouse
    let run = 0
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const source = scriptedSource(`script ${run++}`, Object.keys(peopleStreams), [])
        const clean = Object.keys(peopleStreams).map((name): Change => ({ kind: 'truncate', stream: name }))
        const all = [{ changes: [...begin.changes, ...clean] }, ...steps]
        for (const batch of scriptedBatches(all)) {
          expect(await commitBatch(session, source, batch, state)).toBe(true)
          expect(await commitBatch(session, source, batch, state)).toBe(false)
        }
        await drainQueue(session, state, new AbortController().signal)
        for (const match of state.matches) await publish(session, match, state)

        const expected = fold(all)
        for (const [name, table] of expected) {
          const columns = peopleStreams[name]?.map((column) => column.name) ?? []
          const rows = await session.query(
            `select ${columns.join(', ')} from warehouse."${name}" order by id`,
          )
          const wanted = [...table.values()].map((row) => columns.map((column) => row[column]))
          expect(rows).toEqual(wanted.sort((a, b) => Number(a[0]) - Number(b[0])))
        }
        const rows = await session.query(
          `select person_id || '-' || user_id || ' ' || match_weight from warehouse.person_match`,
        )
        expect(rows.flat().sort()).toEqual(bruteForce(expected).sort())
      }),
      { numRuns: 60 },
    )
    await warehouse.close()
  })
})
