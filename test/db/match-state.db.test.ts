import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { drainQueue, drainQueuePiece } from '../../src/warehouse/rematch.ts'
import { verifyRecords, verifyTable } from '../../src/warehouse/verify-records.ts'
import { defaultLimits } from '../../src/warehouse/warehouse-state.ts'
import { matchPlan } from '../../src/wiring.ts'
import { forgetDecisions, goLive, say } from '../support/live-match.ts'
import { feedFold, matchedRows, storedPairs, storedRecords } from '../support/match-content.ts'
import { peopleMatch, peoplePlan, peopleStreams } from '../support/people-match.ts'
import {
  begin,
  bruteForce,
  bruteForcePairs,
  fold,
  recordsOf,
  reviews,
  retypingScript,
  type Decided,
  type Tables,
} from '../support/people-script.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { tries } from '../support/property.ts'
import { scriptedBatches, scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

/** Of the same people, by their first name alone. */
const namesakes = matchPlan({
  ...peopleMatch,
  name: 'namesake_match',
  model: { ...peopleMatch.model, block: [{ key: ['first_name'], unordered: false }], threshold: 0 },
})

/** What `verify` finds while what differs waits for its turn. */
const nothing = { missing: 0, extra: 0, different: 0 }

/** Several pieces of a commit are under way at a time. */
const inPieces = { ...defaultLimits, recordsPerPiece: 2 }

/** Most of a commit waits in the queue. */
const queueing = {
  ...{ inlineRecords: 4, inlineFanOut: 1, drainedRecords: 2, drainedWhileLoading: 2 },
  recordsPerPiece: 1,
}

const clean = Object.keys(peopleStreams).map((name): Change => ({ kind: 'truncate', stream: name }))

async function expectMirrors(session: Session, expected: Tables): Promise<void> {
  for (const [name, table] of expected) {
    const columns = peopleStreams[name]?.map((column) => column.name) ?? []
    const printed = columns.map((column) => `${column}::text`)
    const rows = await session.query(`select ${printed.join(', ')} from warehouse."${name}" order by id`)
    const wanted = [...table.values()].map((row) => columns.map((column) => row[column]))
    expect(rows).toEqual(wanted.sort((a, b) => Number(a[0]) - Number(b[0])))
  }
}

describe('the committed state', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.drop())

  it('after every commit and decision of a live match is the batch match of the data', async () => {
    const warehouse = await openTestWarehouse(database.url, [peoplePlan], inPieces)
    const { session, state } = warehouse
    const live = await goLive(warehouse)
    await fc.assert(
      fc.asyncProperty(retypingScript, reviews, async (steps, said) => {
        const source = live.nextSource()
        const decisions = new Map<string, Decided>()
        await forgetDecisions(warehouse)
        const all = [{ changes: [...begin.changes, ...clean] }, ...steps]
        for (const [index, batch] of scriptedBatches(all).entries()) {
          expect(await commitBatch(session, source, batch, state)).toBe(true)
          expect(await commitBatch(session, source, batch, state)).toBe(false)
          const records = recordsOf(fold(all.slice(0, index + 1)))
          expect(await matchedRows(session)).toEqual(bruteForce(records, [...decisions.values()]))
          await say(warehouse, said[index] ?? [], decisions)
          expect(await matchedRows(session)).toEqual(bruteForce(records, [...decisions.values()]))
        }
        const expected = fold(all)
        await expectMirrors(session, expected)
        const pairs = bruteForcePairs(recordsOf(expected), [...decisions.values()])
        expect(await storedPairs(session, live.model)).toEqual(pairs)
        expect(await feedFold(session, 'person_match')).toEqual(
          (await session.query('select to_jsonb(t)::text from warehouse.person_match t')).flat().sort(),
        )
      }),
      tries(30),
    )
    await warehouse.close()
  }, 240_000)

  it('while records wait in the queue is the batch match of its own records, and then of the data', async () => {
    const other = await testDatabase()
    const warehouse = await openTestWarehouse(other.url, [peoplePlan], queueing)
    const { session, state } = warehouse
    const live = await goLive(warehouse)
    let waited = 0
    await fc.assert(
      fc.asyncProperty(retypingScript, reviews, async (steps, said) => {
        const source = live.nextSource()
        const decisions = new Map<string, Decided>()
        await forgetDecisions(warehouse)
        const all = [{ changes: [...begin.changes, ...clean] }, ...steps]
        for (const [index, batch] of scriptedBatches(all).entries()) {
          await commitBatch(session, source, batch, state)
          await say(warehouse, said[index] ?? [], decisions)
          if (index % 2 === 0 && (await drainQueuePiece(session, state)) > 0) waited++
          const records = await storedRecords(session, live.model)
          expect(await matchedRows(session)).toEqual(bruteForce(records, [...decisions.values()]))
          const verified = {
            schema: 'warehouse',
            mirrors: state.mirrors,
            model: live.model,
            plan: peoplePlan,
          }
          expect(await verifyRecords(session, verified)).toMatchObject(nothing)
          expect(await verifyTable(session, verified)).toMatchObject(nothing)
        }
        while ((await drainQueuePiece(session, state)) > 0) waited++
        expect(await matchedRows(session)).toEqual(bruteForce(recordsOf(fold(all)), [...decisions.values()]))
        expect(await session.query('select from syncline.match_cause')).toEqual([])
      }),
      tries(45),
    )
    expect(waited).toBeGreaterThan(60)
    await warehouse.close()
    await other.drop()
  }, 240_000)

  it('of a match that is loading is published as the batch match, whatever came through the queue', async () => {
    const other = await testDatabase()
    try {
      await fc.assert(
        fc.asyncProperty(retypingScript, async (steps) => {
          const warehouse = await openTestWarehouse(other.url, [peoplePlan])
          const { session, state } = warehouse
          const source = scriptedSource('script', Object.keys(peopleStreams), [])
          const all = [{ changes: [...begin.changes, ...clean] }, ...steps]
          for (const batch of scriptedBatches(all)) await commitBatch(session, source, batch, state)
          await drainQueue(session, state, new AbortController().signal)
          for (const match of state.matches) await publish(session, match, state)
          expect(await matchedRows(session)).toEqual(bruteForce(recordsOf(fold(all))))
          await session.query('drop schema syncline, warehouse cascade')
          await warehouse.close()
        }),
        tries(8),
      )
    } finally {
      await other.drop()
    }
  }, 240_000)

  it('of two matches over the same streams is the batch match of each, by its own model', async () => {
    const other = await testDatabase()
    const plans = [peoplePlan, namesakes]
    const warehouse = await openTestWarehouse(other.url, plans)
    const { session, state } = warehouse
    const live = await goLive(warehouse)
    await fc.assert(
      fc.asyncProperty(retypingScript, async (steps) => {
        const source = live.nextSource()
        const all = [{ changes: [...begin.changes, ...clean] }, ...steps]
        for (const batch of scriptedBatches(all)) await commitBatch(session, source, batch, state)
        while ((await drainQueuePiece(session, state)) > 0);
        const records = recordsOf(fold(all))
        for (const { name, model } of plans) {
          expect(await matchedRows(session, name)).toEqual(bruteForce(records, [], model))
          const table = await session.query(`select to_jsonb(t)::text from warehouse.${name} t`)
          expect(await feedFold(session, name)).toEqual(table.flat().sort())
        }
      }),
      tries(12),
    )
    await warehouse.close()
    await other.drop()
  }, 240_000)
})
