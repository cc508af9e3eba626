import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import { feedFold, matchedRows, storedPairs } from '../support/match-content.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { begin, bruteForce, bruteForcePairs, fold, script, type Tables } from '../support/people-script.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { tries } from '../support/property.ts'
import { scriptedBatches, scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

const clean = Object.keys(peopleStreams).map((name): Change => ({ kind: 'truncate', stream: name }))

async function expectMirrors(session: Session, expected: Tables): Promise<void> {
  for (const [name, table] of expected) {
    const columns = peopleStreams[name]?.map((column) => column.name) ?? []
    const rows = await session.query(`select ${columns.join(', ')} from warehouse."${name}" order by id`)
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

  it('after every commit of a live match is the batch match of the data, and the mirrors are the data', async () => {
    const warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const { session, state } = warehouse
    await commitBatch(
      session,
      scriptedSource('shapes', Object.keys(peopleStreams), []),
      scriptedBatches([begin])[0] ?? expect.fail(),
      state,
    )
    for (const match of state.matches) await publish(session, match, state)
    let run = 0
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const source = scriptedSource(`script ${run++}`, Object.keys(peopleStreams), [])
        const all = [{ changes: [...begin.changes, ...clean] }, ...steps]
        for (const [index, batch] of scriptedBatches(all).entries()) {
          expect(await commitBatch(session, source, batch, state)).toBe(true)
          expect(await commitBatch(session, source, batch, state)).toBe(false)
          const expected = fold(all.slice(0, index + 1))
          expect(await matchedRows(session)).toEqual(bruteForce(expected))
        }
        const expected = fold(all)
        await expectMirrors(session, expected)
        expect(await feedFold(session, 'person_match')).toEqual(
          (await session.query('select to_jsonb(t)::text from warehouse.person_match t')).flat().sort(),
        )
        expect(await storedPairs(session, state.matches[0]?.model ?? 0)).toEqual(bruteForcePairs(expected))
      }),
      tries(30),
    )
    await warehouse.close()
  }, 240_000)

  it('of a match that is loading is published as the batch match, whatever came through the queue', async () => {
    const other = await testDatabase()
    try {
      await fc.assert(
        fc.asyncProperty(script, async (steps) => {
          const warehouse = await openTestWarehouse(other.url, [peoplePlan])
          const { session, state } = warehouse
          const source = scriptedSource('script', Object.keys(peopleStreams), [])
          const all = [{ changes: [...begin.changes, ...clean] }, ...steps]
          for (const batch of scriptedBatches(all)) await commitBatch(session, source, batch, state)
          await drainQueue(session, state, new AbortController().signal)
          for (const match of state.matches) await publish(session, match, state)
          expect(await matchedRows(session)).toEqual(bruteForce(fold(all)))
          await session.query('drop schema syncline, warehouse cascade')
          await warehouse.close()
        }),
        tries(8),
      )
    } finally {
      await other.drop()
    }
  }, 240_000)
})
