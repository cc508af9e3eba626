import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { greedy } from '../../src/match/assign.ts'
import { assignAll } from '../../src/match/bulk.ts'
import { upsertPairs } from '../../src/state/matches.ts'
import { peopleModel, peoplePlan } from '../support/people-match.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

/** Ids that orders by locale, by number and by UTF-16 unit would put differently, and few of them. */
const id = fc.constantFrom('10', '9', 'a', 'B', 'é', 'Z', '\uffff', '\u{10000}', '["a", "b"]')
/** Few scores, from below the model's threshold on, so that ties abound. */
const pairs = fc.uniqueArray(
  fc.record({
    left: id,
    right: id,
    score: fc.integer({ min: -1, max: 2 }).map((step) => peopleModel.threshold + step),
  }),
  { selector: ({ left, right }) => `${left} ${right}`, maxLength: 50 },
)

describe('the bulk assignment', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  beforeAll(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [peoplePlan])
  })
  afterAll(async () => {
    await warehouse.close()
    await database.drop()
  })

  it('is the greedy one over the stored pairs, with many ties, whatever was assigned before', async () => {
    const { session, state } = warehouse
    const number = state.matches[0]?.model ?? 0
    let matches = 0
    await fc.assert(
      fc.asyncProperty(pairs, async (all) => {
        const assigned = await session.transaction(async () => {
          await session.query('delete from syncline.match_pair where model = $1', [number])
          await upsertPairs(
            session,
            number,
            all.map((pair) => ({ ...pair, summands: '[]' })),
          )
          const total = await assignAll(session, number, peopleModel)
          const rows = await session.query(
            `select side, id, partner, score from syncline.match_assignment where model = $1`,
            [number],
          )
          expect(rows).toHaveLength(2 * total)
          return rows.map((row) => row.join(' ')).sort()
        })
        const wanted = greedy(all, peopleModel.threshold)
        matches += wanted.length
        const sides = wanted.flatMap(({ left, right, score }) => [
          `l ${left} ${right} ${score}`,
          `r ${right} ${left} ${score}`,
        ])
        expect(assigned).toEqual(sides.sort())
      }),
      { numRuns: 100 },
    )
    expect(matches).toBeGreaterThan(200)
  })
})
