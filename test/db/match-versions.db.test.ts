import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import { diffMatches } from '../../src/match/diff.ts'
import { explain } from '../../src/match/explain.ts'
import { listForReview } from '../../src/match/review-list.ts'
import { readModels } from '../../src/state/models.ts'
import { isUndefinedTable } from '../../src/state/sql-states.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueue, drainQueuePiece } from '../../src/warehouse/rematch.ts'
import { addCalibrated, publishWhole, rebuildMatch, wantVersion } from '../../src/warehouse/versions.ts'
import { matchPlan, storedPlan } from '../../src/wiring.ts'
import { forgetDecisions, goLive, say } from '../support/live-match.ts'
import { feedFold, matchedRows, storedPairs, storedRecords } from '../support/match-content.ts'
import { upsert } from '../support/life.ts'
import { peopleMatch, peoplePlan, peopleStreams } from '../support/people-match.ts'
import {
  begin,
  bruteForce,
  bruteForcePairs,
  fold,
  recordsOf,
  reviews,
  script,
  type Decided,
  type MatchedRecords,
} from '../support/people-script.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { tries } from '../support/property.ts'
import { scriptedBatches, type Step } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const limits = {
  inlineRecords: 50,
  inlineFanOut: 2,
  drainedRecords: 2,
  drainedWhileLoading: 2,
  recordsPerPiece: 2,
}

/** Other passes, other weights, another threshold. */
const otherPlan = matchPlan({
  ...peopleMatch,
  model: {
    ...peopleMatch.model,
    block: [{ key: ['first_name'], unordered: false }],
    prior: 100,
    threshold: 0,
  },
})

/** What might have been learnt. */
const learnt = {
  levels: { location: { exact: { m: 0.99, u: 0.3 }, different: { m: 0.01, u: 0.7 } } },
  frequencies: { last_name: { unknown: 9_000, values: { 2000: ['lee', 'li'] } } },
}
const learntPlan = matchPlan(peopleMatch, { calibration: learnt })

const { signal } = new AbortController()

describe('a version that is built beside the published one', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  beforeEach(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [peoplePlan], limits)
    return async () => {
      await warehouse.close()
      await database.drop()
    }
  })

  const reopen = async (plan = peoplePlan): Promise<TestWarehouse> => {
    await warehouse.close()
    warehouse = await openTestWarehouse(database.url, [plan], limits)
    return warehouse
  }
  const models = async (): Promise<string[]> =>
    (await readModels(warehouse.session, 'person_match')).map(({ model, state }) => `${model} ${state}`)

  /** What the warehouse shows, and what its feed makes of it, is the match of these records by this plan. */
  const expectShown = async (
    plan: typeof peoplePlan,
    records: MatchedRecords,
    decisions: ReadonlyMap<string, Decided> = new Map(),
  ): Promise<void> => {
    const { session } = warehouse
    expect(await matchedRows(session)).toEqual(bruteForce(records, [...decisions.values()], plan.model))
    const table = await session.query('select to_jsonb(t)::text from warehouse.person_match t')
    expect(await feedFold(session, 'person_match')).toEqual(table.flat().sort())
  }

  it('leaves what is published as it is and up to date, whatever changes meanwhile, and is then the batch match itself', async () => {
    let waited = 0
    let run = 0
    const live = await goLive(warehouse)
    await fc.assert(
      fc.asyncProperty(script, script, reviews, async (before, meanwhile, said) => {
        const plans = run++ % 2 === 0 ? [peoplePlan, otherPlan] : [otherPlan, peoplePlan]
        const [from = peoplePlan, to = otherPlan] = plans
        const source = live.nextSource()
        const decisions = new Map<string, Decided>()
        await forgetDecisions(warehouse)
        const clean = Object.keys(peopleStreams).map((stream): Change => ({ kind: 'truncate', stream }))
        const all = [{ changes: [...begin.changes, ...clean] }, ...before, ...meanwhile]
        const batches = scriptedBatches(all)
        const built = before.length + 1
        for (const batch of batches.slice(0, built))
          await commitBatch(warehouse.session, source, batch, warehouse.state)
        await drainQueue(warehouse.session, warehouse.state, signal)
        const published = (await models())[0]

        await reopen(to)
        for (const [index, batch] of batches.entries()) {
          if (index < built) continue
          const { session, state } = warehouse
          await commitBatch(session, source, batch, state)
          await say(warehouse, said[index - built] ?? [], decisions)
          if ((await drainQueuePiece(session, state)) > 0) waited++
          // A crash, or a restart, goes on where it was.
          if (index % 2 === 0) await reopen(to)
          expect((await models())[0]).toBe(published)
          const number = Number(published?.split(' ')[0])
          await expectShown(from, await storedRecords(warehouse.session, number), decisions)
        }
        const { session, state } = warehouse
        await drainQueue(session, state, signal)
        const records = recordsOf(fold(all))
        await expectShown(from, records, decisions)
        expect(await publishWhole(session, state)).toBe(true)
        await expectShown(to, records, decisions)
        const [model] = state.matches
        expect(await models()).toEqual([`${model?.model} published`])
        expect(await storedPairs(session, model?.model ?? 0)).toEqual(
          bruteForcePairs(records, [...decisions.values()], to.model),
        )
      }),
      tries(12),
    )
    expect(waited).toBeGreaterThan(12)
  }, 240_000)

  it('is not published before it is whole', async () => {
    const live = await goLive(warehouse)
    const people = [1, 2, 3].flatMap((id) => [
      upsert('person', { id: String(id), first: 'ann', last: 'lee', practice_id: null }),
      upsert('user', { id: String(id), first: 'ann', last: 'lee', town: null }),
    ])
    const [batch] = scriptedBatches([{ changes: people }])
    await commitBatch(warehouse.session, live.nextSource(), batch ?? expect.fail(), warehouse.state)
    const { session, state } = await reopen(otherPlan)
    expect(await publishWhole(session, state)).toBe(false)
    expect(await models()).toEqual(['1 published', '2 building'])
    await drainQueue(session, state, signal)
    expect(await publishWhole(session, state)).toBe(true)
    expect(await models()).toEqual(['2 published'])
  })

  it('that nobody wants any more is wanted again by a restart with its configuration, not made twice', async () => {
    await goLive(warehouse)
    await reopen(otherPlan)
    const published = { match: 'person_match', model: 1 }
    expect(await wantVersion(warehouse.session, warehouse.state, published)).toEqual([2])
    expect(await wantVersion(warehouse.session, warehouse.state, published)).toEqual([])
    const { session, state } = await reopen(otherPlan)
    expect(await models()).toEqual(['1 published', '2 building'])
    await drainQueue(session, state, signal)
    expect(await publishWhole(session, state)).toBe(true)
    expect(await models()).toEqual(['2 published'])
  })

  it('is forgotten when the configuration is changed back before it is whole', async () => {
    await goLive(warehouse)
    await reopen(otherPlan)
    expect(await models()).toEqual(['1 published', '2 building'])
    const { session, state } = await reopen(peoplePlan)
    expect(await models()).toEqual(['1 published'])
    expect(state.isLive(1)).toBe(true)
    expect(await publishWhole(session, state)).toBe(true)
  })

  it('that was calibrated is followed, and published when somebody asks for it; from then on restarts find it', async () => {
    const live = await goLive(warehouse)
    const source = live.nextSource()
    const steps: Step[] = ['ann', 'bob', 'anna'].map((first, id) => ({
      changes: [
        upsert('person', { id: String(id), first, last: id === 2 ? 'li' : 'lee', practice_id: null }),
        upsert('user', { id: String(id), first, last: 'lee', town: 'york' }),
      ],
    }))
    const batches = scriptedBatches(steps)
    const commit = async (n: number): Promise<void> => {
      await commitBatch(warehouse.session, source, batches[n] ?? expect.fail(), warehouse.state)
    }
    await commit(0)
    const asked = { match: 'person_match', calibration: learnt, restore: storedPlan }
    expect(await addCalibrated(warehouse.session, warehouse.state, asked)).toBe(2)
    expect(await addCalibrated(warehouse.session, warehouse.state, asked)).toBe(2)
    await commit(1)
    await drainQueue(warehouse.session, warehouse.state, signal)
    expect(await publishWhole(warehouse.session, warehouse.state)).toBe(true)
    expect(await models()).toEqual(['1 published', '2 building'])
    await reopen()
    await commit(2)
    const records = recordsOf(fold(steps))
    expect(await storedPairs(warehouse.session, 2)).toEqual(bruteForcePairs(records, [], learntPlan.model))
    await expectShown(peoplePlan, records)

    await wantVersion(warehouse.session, warehouse.state, { match: 'person_match', model: 2 })
    expect(await publishWhole(warehouse.session, warehouse.state)).toBe(true)
    await expectShown(learntPlan, records)
    await reopen()
    expect(await models()).toEqual(['2 published'])
    expect(warehouse.state.isLive(2)).toBe(true)
    const unknown = wantVersion(warehouse.session, warehouse.state, { match: 'person_match', model: 7 })
    await expect(unknown).rejects.toThrow('has no model 7')
  })

  it('made by another release is made anew with what was learnt', async () => {
    await goLive(warehouse)
    const asked = { match: 'person_match', calibration: learnt, restore: storedPlan }
    await addCalibrated(warehouse.session, warehouse.state, asked)
    await wantVersion(warehouse.session, warehouse.state, { match: 'person_match', model: 2 })
    await publishWhole(warehouse.session, warehouse.state)
    await warehouse.session.query(`update syncline.model set fingerprint = 'of an older release'`)
    const { session, state } = await reopen()
    expect(await models()).toEqual(['2 published', '3 building'])
    expect(await publishWhole(session, state)).toBe(true)
    const [version] = await readModels(session, 'person_match')
    expect(version).toMatchObject({ model: 3, calibration: learnt })
  })

  it('leaves nothing to be read of the one before, instead of tables without rows', async () => {
    await goLive(warehouse)
    const { session, state } = await reopen(otherPlan)
    await drainQueue(session, state, signal)
    expect(await publishWhole(session, state)).toBe(true)
    expect(await models()).toEqual(['2 published'])
    const { fields, threshold } = peoplePlan.model
    const listed = listForReview(session, { model: 1, fields, match: 'person_match', threshold, limit: 1 })
    await expect(listed).rejects.toSatisfy(isUndefinedTable)
    const version = { model: 1, plan: peoplePlan }
    const diff = diffMatches(session, { published: 2, version, threshold, limit: 1 })
    await expect(diff).rejects.toSatisfy(isUndefinedTable)
    const explained = explain(session, version, { left: '1', right: null })
    await expect(explained).rejects.toSatisfy(isUndefinedTable)
  })

  it('that repairs the published one is built from the mirrors, and takes its place', async () => {
    const live = await goLive(warehouse)
    const people = ['person', 'user'].map((stream) => upsert(stream, { id: '1', first: 'ann', last: 'lee' }))
    const [batch] = scriptedBatches([{ changes: people }])
    await commitBatch(warehouse.session, live.nextSource(), batch ?? expect.fail(), warehouse.state)
    const expected = await matchedRows(warehouse.session)
    expect(expected).toHaveLength(1)
    await warehouse.session.query(`delete from syncline.match_record where id = '1'`)
    expect(await rebuildMatch(warehouse.session, warehouse.state, 'person_match')).toBe(2)
    await reopen()
    expect(await rebuildMatch(warehouse.session, warehouse.state, 'person_match')).toBe(2)
    await drainQueue(warehouse.session, warehouse.state, signal)
    expect(await publishWhole(warehouse.session, warehouse.state)).toBe(true)
    expect(await models()).toEqual(['2 published'])
    expect(await matchedRows(warehouse.session)).toEqual(expected)
    expect((await storedRecords(warehouse.session, 2)).left).toHaveLength(1)
  })
})
