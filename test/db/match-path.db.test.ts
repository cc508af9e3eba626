import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { ScoredPair } from '../../src/match/order.ts'
import type { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { upsert } from '../support/life.ts'
import { fallingPath } from '../support/falling-path.ts'
import { goLive, type LiveMatch } from '../support/live-match.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { begin, fold } from '../support/people-script.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { tries } from '../support/property.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

async function readMatch(session: Session, model: number): Promise<ScoredPair[]> {
  const rows = await session.query(
    `select id, partner, score from syncline.match_assignment where model = $1 and side = 'l'`,
    [model],
  )
  return rows.map(([left, right, score]) => ({ left: left ?? '', right: right ?? '', score: Number(score) }))
}

const clean = Object.keys(peopleStreams).map((stream): Change => ({ kind: 'truncate', stream }))
const towns = ['york', 'rome']
const name = fc.record({
  first: fc.constantFrom('ann', 'anna', 'bob'),
  last: fc.constantFrom('lee', 'leigh'),
})
const some = { minLength: 3, maxLength: 6 }
const persons = fc.array(fc.tuple(name, fc.constantFrom('0', '1', null)), some)
const users = fc.array(fc.tuple(name, fc.constantFrom(...towns, null)), some)
/** People and users so alike that most have rivals. */
const people = fc
  .tuple(persons, users)
  .map(([lefts, rights]): Change[] => [
    ...clean,
    ...towns.map((town, id) => upsert('practice', { id: String(id), town })),
    ...lefts.map(([names, practice], id) =>
      upsert('person', { id: String(id), ...names, practice_id: practice }),
    ),
    ...rights.map(([names, town], id) => upsert('user', { id: String(id), ...names, town })),
  ])

const sortedKeys = (pairs: readonly ScoredPair[]): string[] =>
  pairs.map(({ left, right, score }) => `${left} ${right} ${score}`).sort()

let database: TestDatabase
let warehouse: TestWarehouse
let live: LiveMatch
beforeAll(async () => {
  database = await testDatabase()
  warehouse = await openTestWarehouse(database.url, [peoplePlan])
  live = await goLive(warehouse)
})
afterAll(async () => {
  await warehouse.close()
  await database.drop()
})

it('one record that goes changes one falling path, and its return restores the match', async () => {
  const { session, state } = warehouse
  const commit = async (changes: Change[]): Promise<void> => {
    const source = live.nextSource()
    for (const batch of scriptedBatches([begin, { changes }]))
      await commitBatch(session, source, batch, state)
  }
  let longest = 0
  await fc.assert(
    fc.asyncProperty(people, async (changes) => {
      await commit(changes)
      const tables = fold([{ changes }])
      for (const [stream, side] of [
        ['person', 'left'],
        ['user', 'right'],
      ] as const) {
        for (const [id, row] of tables.get(stream) ?? []) {
          const isOfRecord = (pair: ScoredPair): boolean => pair[side] === id
          const whole = await readMatch(session, live.model)
          await commit([{ kind: 'delete', stream, key: [id] }])
          const without = await readMatch(session, live.model)
          const path = fallingPath(whole, without, isOfRecord)
          expect(path.length > 0).toBe(whole.some(isOfRecord))
          longest = Math.max(longest, path.length)
          await commit([{ kind: 'upsert', stream, key: [id], row }])
          expect(sortedKeys(await readMatch(session, live.model))).toEqual(sortedKeys(whole))
        }
      }
    }),
    tries(25),
  )
  expect(longest).toBeGreaterThanOrEqual(3)
}, 240_000)
