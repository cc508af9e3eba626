import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import { readPosition } from '../../src/state/positions.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import { review } from '../../src/warehouse/review.ts'
import { tick } from '../../src/warehouse/tick.ts'
import { upsert } from '../support/life.ts'
import { goLive } from '../support/live-match.ts'
import { feedFold } from '../support/match-content.ts'
import { crashBeforeStatements } from '../support/crash-everywhere.ts'
import { committed } from '../support/committed.ts'
import { killAt } from '../support/kill-at.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { soakSeeds } from '../support/soak-seeds.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches, scriptedSource, type Step } from '../support/scripted-source.ts'
import { warehouseContent } from '../support/vendor-match.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

const people = (town: string): Change[] => [
  upsert('practice', { id: '1', town }),
  ...['ann', 'bob', 'cy'].flatMap((first, i) => [
    upsert('person', { id: String(i), first, last: 'lee', practice_id: '1' }),
    upsert('user', { id: String(i), first, last: 'lee', town: 'york' }),
  ]),
]

/** A rival appears, a practice with more people than are re-matched at once moves, a person goes. */
const steps: Step[] = [
  { changes: [upsert('person', { id: '7', first: 'ann', last: 'lee', practice_id: '1' })] },
  { changes: [upsert('practice', { id: '1', town: 'leeds' })] },
  { changes: [{ kind: 'delete', stream: 'person', key: ['0'] }] },
]

/** A seed dies before one statement in so many, as many seeds before each; PROPERTY_RUNS has one die before each. */
const every = process.env['PROPERTY_RUNS'] === undefined ? 2 : 1

const limits = {
  inlineRecords: 100,
  inlineFanOut: 2,
  drainedRecords: 2,
  drainedWhileLoading: 100,
  recordsPerPiece: 2,
}

describe('a crash between any two statements of a live match', () => {
  let template: TestDatabase
  beforeAll(async () => {
    template = await testDatabase()
    const warehouse = await openTestWarehouse(template.url, [peoplePlan], limits)
    const published = await goLive(warehouse)
    const [first] = scriptedBatches([{ changes: people('york') }])
    await commitBatch(warehouse.session, published.nextSource(), first ?? expect.fail(), warehouse.state)
    await drainQueue(warehouse.session, warehouse.state, new AbortController().signal)
    await warehouse.close()
  })
  afterAll(() => template.drop())

  /** One life of the writer, from what is committed to the end or to its death. Returns whether it ended. */
  const live = async (url: string, killedAt: number | null): Promise<boolean> => {
    const warehouse = await openTestWarehouse(url, [peoplePlan], limits)
    const { session, state } = warehouse
    const admin = await Session.connect({ url, applicationName: 'admin' })
    if (killedAt !== null) killAt(session, killedAt, admin)
    try {
      const source = scriptedSource('live', Object.keys(peopleStreams), steps)
      const after = await readPosition(session, 'live')
      for (const batch of scriptedBatches(steps).slice(Number(after ?? 0))) {
        await commitBatch(session, source, batch, state)
      }
      await drainQueue(session, state, new AbortController().signal)
      const pair = { left: '1', right: '2', by: 'ann', reason: null }
      const reviews = [{ ...pair, verdict: 'must' as const }]
      await review(session, state, { match: 'person_match', by: 'ann', reviews })
      await tick(session, state, '2017-03-01')
      return true
    } catch {
      return false
    } finally {
      await admin.close()
      await warehouse.close()
    }
  }

  const outcome = async (url: string): Promise<unknown> => {
    const content = await warehouseContent(url)
    const session = await Session.connect({ url, applicationName: 'test' })
    try {
      const feed = await feedFold(session, 'person_match')
      const table = await session.query('select to_jsonb(t)::text from warehouse.person_match t')
      expect(feed).toEqual(table.flat().sort())
      return [
        content,
        await session.query('select side, id, partner, score from syncline.match_pair order by 1, 2, 3'),
        await session.query('select side, id, partner, score from syncline.match_assignment order by 1, 2'),
        await session.query(
          'select left_id, right_id, valid_to is null from syncline.match_history order by 1, valid_from',
        ),
        await session.query(
          'select left_id, right_id, verdict, undone_at is null from syncline.match_decision',
        ),
        await session.query('select count(*) from syncline.match_queue, syncline.match_fan_out'),
      ]
    } finally {
      await session.close()
    }
  }

  it.each(soakSeeds([1]))(
    'and a restart end with the same match, feed, history and decisions as no crash: seed %i',
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
