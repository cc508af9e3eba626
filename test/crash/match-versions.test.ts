import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPosition } from '../../src/state/positions.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueuePiece } from '../../src/warehouse/rematch.ts'
import { addCalibrated, publishWhole, wantVersion } from '../../src/warehouse/versions.ts'
import { matchPlan, storedPlan } from '../../src/wiring.ts'
import { crashBeforeStatements } from '../support/crash-everywhere.ts'
import { committed } from '../support/committed.ts'
import { killAt } from '../support/kill-at.ts'
import { goLive } from '../support/live-match.ts'
import { person, upsert, user } from '../support/life.ts'
import { feedFold } from '../support/match-content.ts'
import { peopleMatch, peoplePlan, peopleStreams } from '../support/people-match.ts'
import { soakSeeds } from '../support/soak-seeds.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches, scriptedSource } from '../support/scripted-source.ts'
import { warehouseContent } from '../support/vendor-match.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

const changedPlan = matchPlan({
  ...peopleMatch,
  model: { ...peopleMatch.model, block: [{ key: ['first_name'], unordered: false }], threshold: 0 },
})
const calibration = {
  levels: { location: { exact: { m: 0.5, u: 0.25 }, different: { m: 0.5, u: 0.75 } } },
  frequencies: {},
}

/** One before the version is begun, one while it is built, one when it is published. */
const steps = [
  { changes: [person('7', 'ann', 'day'), user('7', 'ann', 'day')] },
  { changes: [upsert('practice', { id: '1', town: 'leeds' })] },
  { changes: [person('8', 'bob', 'lee'), { kind: 'delete' as const, stream: 'user', key: ['1'] }] },
]

/** A seed dies before one statement in so many, as many seeds before each; PROPERTY_RUNS has one die before each. */
const every = process.env['PROPERTY_RUNS'] === undefined ? 5 : 1

const limits = {
  inlineRecords: 100,
  inlineFanOut: 2,
  drainedRecords: 3,
  drainedWhileLoading: 3,
  recordsPerPiece: 2,
}

describe('a crash between any two statements while a version is built and published', () => {
  let template: TestDatabase
  beforeAll(async () => {
    template = await testDatabase()
    const warehouse = await openTestWarehouse(template.url, [peoplePlan], limits)
    const published = await goLive(warehouse)
    const people = ['ann', 'bob', 'cy'].flatMap((first, id) => [
      person(String(id), first, 'lee'),
      user(String(id), first, 'lee'),
    ])
    const [first] = scriptedBatches([{ changes: [upsert('practice', { id: '1', town: 'york' }), ...people] }])
    await commitBatch(warehouse.session, published.nextSource(), first ?? expect.fail(), warehouse.state)
    await warehouse.close()
  })
  afterAll(() => template.drop())

  /** One life of the writer under the changed configuration. Returns whether it ended by itself. */
  const live = async (url: string, killedAt: number | null): Promise<boolean> => {
    const warehouse = await openTestWarehouse(url, [changedPlan], limits)
    const { session, state } = warehouse
    const admin = await Session.connect({ url, applicationName: 'admin' })
    if (killedAt !== null) killAt(session, killedAt, admin)
    try {
      const source = scriptedSource('live', Object.keys(peopleStreams), steps)
      const commit = async (upTo: number): Promise<void> => {
        const after = Number((await readPosition(session, 'live')) ?? 0)
        for (const batch of scriptedBatches(steps).slice(after, upTo)) {
          await commitBatch(session, source, batch, state)
        }
      }
      const build = async (upTo: number): Promise<void> => {
        await drainQueuePiece(session, state)
        await commit(upTo)
        while ((await drainQueuePiece(session, state)) > 0);
        await publishWhole(session, state)
      }
      await commit(1)
      await build(2)
      // Beginning it anew must do no harm: a command that is not known to be finished is begun again.
      const model = await addCalibrated(session, state, {
        match: 'person_match',
        calibration,
        restore: storedPlan,
      })
      await build(3)
      await wantVersion(session, state, { match: 'person_match', model })
      await publishWhole(session, state)
      return true
    } catch {
      return false
    } finally {
      await admin.close()
      await warehouse.close()
    }
  }

  const outcome = async (url: string): Promise<unknown> => {
    const session = await Session.connect({ url, applicationName: 'test' })
    try {
      const table = await session.query('select to_jsonb(t)::text from warehouse.person_match t')
      expect(await feedFold(session, 'person_match')).toEqual(table.flat().sort())
      return [
        await warehouseContent(url),
        await session.query('select model, state, definition from syncline.model order by model'),
        await session.query('select side, id, partner, score from syncline.match_pair order by 1, 2, 3'),
        await session.query('select side, id, partner, score from syncline.match_assignment order by 1, 2'),
        await session.query('select count(*) from syncline.match_queue, syncline.match_fan_out'),
        await session.query(`select tablename from pg_tables where schemaname = 'syncline' order by 1`),
      ]
    } finally {
      await session.close()
    }
  }

  it.each(soakSeeds([1]))(
    'and a restart end with the same versions, match and feed as no crash, and leave no table behind: seed %i',
    async (seed) => {
      const once = await testDatabase(template)
      expect(await live(once.url, null)).toBe(true)
      const expected = await outcome(once.url)
      await once.drop()
      const database = await testDatabase(template)
      const crashes = await crashBeforeStatements({
        live: (killedAt) => live(database.url, killedAt),
        committed: () => committed(database.url),
        every,
        rest: seed,
      })
      expect(await outcome(database.url)).toEqual(expected)
      await database.drop()
      expect(crashes * every).toBeGreaterThan(200)
    },
    600_000,
  )
})
