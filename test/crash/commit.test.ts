import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import { Session } from '../../src/state/session.ts'
import { readPosition } from '../../src/state/positions.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { upsert } from '../support/life.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches, scriptedSource, type Step } from '../support/scripted-source.ts'
import { openTestWarehouse } from '../support/warehouse.ts'
import { killAt } from '../support/kill-at.ts'
import { warehouseContent } from '../support/vendor-match.ts'

const person = (id: number, first: string, last: string, practice: number): Change =>
  upsert('person', { id: String(id), first, last, practice_id: String(practice) })
const user = (id: number, first: string, last: string, town: string): Change =>
  upsert('user', { id: String(id), first, last, town })

const steps: Step[] = [
  {
    changes: Object.entries(peopleStreams).map(([stream, columns]): Change => ({
      kind: 'schema',
      stream,
      columns,
    })),
  },
  {
    changes: [
      upsert('practice', { id: '1', town: 'york' }),
      person(1, 'ann', 'lee', 1),
      person(2, 'bob', 'lee', 1),
      user(1, 'anna', 'lee', 'york'),
    ],
    rejected: [{ stream: 'user', key: ['9'], code: 'poison', reason: 'is poison', raw: '{}' }],
  },
  {
    changes: [
      upsert('practice', { id: '1', town: 'leeds' }),
      user(2, 'bob', 'lee', 'leeds'),
      user(9, 'cy', 'day', 'york'),
    ],
  },
  {
    changes: [
      { kind: 'resync-begin', stream: 'person' },
      person(2, 'bob', 'lee', 1),
      { kind: 'resync-end', stream: 'person' },
    ],
  },
]

describe('a crash between any two statements', () => {
  let database: TestDatabase
  let admin: Session
  beforeAll(async () => {
    database = await testDatabase()
    admin = await Session.connect({ url: database.url, applicationName: 'admin' })
  })
  afterAll(async () => {
    await admin.close()
    await database.drop()
  })
  const clean = async (): Promise<void> => {
    await admin.query('drop schema if exists syncline, warehouse cascade')
  }

  /** One life of the writer, from the committed position to the end or to its death. Returns whether it ended. */
  const live = async (killedAt: number | null): Promise<boolean> => {
    const warehouse = await openTestWarehouse(database.url, [peoplePlan])
    const { session, state } = warehouse
    if (killedAt !== null) killAt(session, killedAt, admin)
    try {
      const source = scriptedSource('script', Object.keys(peopleStreams), steps)
      const after = await readPosition(session, 'script')
      for (const batch of scriptedBatches(steps).slice(Number(after ?? 0))) {
        await commitBatch(session, source, batch, state)
      }
      await drainQueue(session, state, new AbortController().signal)
      for (const match of state.matches) await publish(session, match, state)
      return true
    } catch {
      return false
    } finally {
      await warehouse.close()
    }
  }

  it('and a restart end with the same warehouse and dead letters as no crash', async () => {
    const outcome = async (): Promise<unknown> => [
      await warehouseContent(database.url),
      await admin.query('select stream, id, times, closed_by from syncline.dead_letter'),
      await admin.query('select match, state from syncline.model'),
      await admin.query('select side, key, id from syncline.match_key order by 1, 2, 3'),
      await admin.query('select side, id, partner, score from syncline.match_pair order by 1, 2, 3'),
      await admin.query('select side, id, partner, score from syncline.match_assignment order by 1, 2'),
    ]
    await clean()
    expect(await live(null)).toBe(true)
    const expected = await outcome()
    let ended = false
    let n = 0
    while (!ended) {
      n += 1
      await clean()
      ended = await live(n)
      if (!ended) expect(await live(null)).toBe(true)
      expect(await outcome()).toEqual(expected)
    }
    expect(n).toBeGreaterThan(60)
  }, 240_000)
})
