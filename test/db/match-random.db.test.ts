import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Source } from '../../src/changes/source.ts'
import { verifyMatch } from '../../src/match/verify.ts'
import { readPosition } from '../../src/state/positions.ts'
import { readModels, type StoredModel } from '../../src/state/models.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import type { LiveMatch } from '../../src/warehouse/match-plan.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { drainQueue, drainQueuePiece } from '../../src/warehouse/rematch.ts'
import { tick } from '../../src/warehouse/tick.ts'
import { verifyRecords, verifyTable } from '../../src/warehouse/verify-records.ts'
import { addCalibrated, publishWhole, rebuildMatch, wantVersion } from '../../src/warehouse/versions.ts'
import { matchPlan, storedPlan } from '../../src/wiring.ts'
import { killAt } from '../support/kill-at.ts'
import { upsert } from '../support/life.ts'
import { say } from '../support/live-match.ts'
import { feedFold, matchedRows, storedPairs, storedRecords } from '../support/match-content.ts'
import { peopleMatch, peopleStreams } from '../support/people-match.ts'
import {
  bruteForce,
  bruteForcePairs,
  everybody,
  fold,
  recordsOf,
  retypingBatch,
  reviews,
  type Decided,
} from '../support/people-script.ts'
import { testDatabase } from '../support/postgres.ts'
import { scriptedSource } from '../support/scripted-source.ts'
import { noteSoakFigures, soakSeeds } from '../support/soak-seeds.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

/**
 * Everything that changes a live match, in any order: batches, delivered again and cut by crashes, keys and joins that get
 * other types, joined rows with many records, pieces of the queue, reviewers' words, other days, other models. After each
 * of them every property that must hold is asked for, of each version that is followed.
 */

const seen = {
  name: 'seen',
  type: 'date',
  nullable: true,
  keyPosition: null,
  comment: null,
} as const

const withSeen = (side: typeof peopleMatch.left): typeof peopleMatch.left => ({
  ...side,
  fields: { ...side.fields, seen: { stream: side.stream, column: 'seen' } },
})
const activeMatch = {
  ...peopleMatch,
  left: withSeen(peopleMatch.left),
  right: withSeen(peopleMatch.right),
  activity: { field: 'seen', days: 30 },
}
/** Of the configuration, by turns: other passes, other weights, another threshold. */
const plans = [
  matchPlan(activeMatch),
  matchPlan({
    ...activeMatch,
    model: {
      ...activeMatch.model,
      block: [{ key: ['first_name'], unordered: false }],
      prior: 100,
      threshold: 0,
    },
  }),
] as const

const calibrations = [0.3, 0.7].map((u) => ({
  levels: { location: { exact: { m: 0.99, u }, different: { m: 0.01, u: 1 - u } } },
  frequencies: { last_name: { unknown: 9_000, values: { 2000: ['lee', 'li'] } } },
}))

const limits = [
  { inlineRecords: 50, inlineFanOut: 1, drainedRecords: 1, drainedWhileLoading: 2, recordsPerPiece: 2 },
  { inlineRecords: 3, inlineFanOut: 0, drainedRecords: 3, drainedWhileLoading: 3, recordsPerPiece: 1 },
  { inlineRecords: 50, inlineFanOut: 50, drainedRecords: 9, drainedWhileLoading: 9, recordsPerPiece: 50 },
]

const day = fc
  .integer({ min: 0, max: 60 })
  .map((n) => new Date(Date.UTC(2017, 0, 1 + n)).toISOString().slice(0, 10))

/** Rows of people and users were seen on one of two days, or nobody knows when. */
const seenOn = (lists: fc.Arbitrary<Change[]>): fc.Arbitrary<Change[]> =>
  fc.tuple(lists, day, fc.option(day)).map(([list, one, other]) =>
    list.map((change, at): Change => {
      if (change.stream === 'practice') return change
      if (change.kind === 'schema') return { ...change, columns: [...change.columns, seen] }
      if (change.kind !== 'upsert') return change
      return { ...change, row: { ...change.row, seen: at % 2 === 0 ? one : other } }
    }),
  )
const changes = seenOn(retypingBatch)
/** With nobody there yet few would ever meet. */
const beginning = seenOn(everybody)

const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('batch' as const), changes }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      changes,
      statement: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('piece' as const), wanted: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('move' as const),
      practice: fc.constantFrom('1', '2', '3'),
      towns: fc.shuffledSubarray(['york', 'leeds', 'hull'], { minLength: 2 }),
    }),
  },
  { weight: 3, arbitrary: reviews.map(([said = []]) => ({ kind: 'say' as const, said })) },
  { weight: 2, arbitrary: day.map((asOf) => ({ kind: 'tick' as const, asOf })) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), limits: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('configure' as const), plan: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('calibrate' as const), calibration: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'use' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'rebuild' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'publish' as const }) },
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

const nothing = { missing: 0, extra: 0, different: 0 }
const shapes = Object.entries(peopleStreams).map(([stream, columns]): Change => ({
  kind: 'schema',
  stream,
  columns: stream === 'practice' ? columns : [...columns, seen],
}))

/** A warehouse that is written to, and what it must show by the meaning of the operations alone. */
class Life {
  readonly #url: string
  readonly #source: Source = scriptedSource('s', Object.keys(peopleStreams), [])
  readonly decisions = new Map<string, Decided>()
  readonly delivered: Change[][] = []
  warehouse: TestWarehouse
  #plan = 0
  #limits = 0

  private constructor(url: string, warehouse: TestWarehouse) {
    this.#url = url
    this.warehouse = warehouse
  }

  static async begin(url: string): Promise<Life> {
    const life = new Life(url, await openTestWarehouse(url, [plans[0]], limits[0]))
    await life.commit(shapes)
    for (const match of life.warehouse.state.matches)
      await publish(life.warehouse.session, match, life.warehouse.state)
    return life
  }

  async commit(list: Change[]): Promise<void> {
    const { session, state } = this.warehouse
    this.delivered.push(list)
    const batch = this.#batch(list)
    await commitBatch(session, this.#source, batch, state)
    expect(await commitBatch(session, this.#source, batch, state)).toBe(false)
  }

  async do(operation: Operation): Promise<void> {
    const { session, state } = this.warehouse
    const match = 'person_match'
    switch (operation.kind) {
      case 'batch':
        return this.commit(operation.changes)
      case 'crash':
        return this.#crash(operation)
      case 'piece':
        await drainQueuePiece(session, state, operation.wanted)
        return
      case 'move':
        // Again while some of those who work there are re-matched.
        for (const town of operation.towns) {
          await this.commit([upsert('practice', { id: operation.practice, town })])
          await drainQueuePiece(session, state, 1)
        }
        return
      case 'say':
        return say(this.warehouse, operation.said, this.decisions)
      case 'tick':
        await tick(session, state, operation.asOf)
        return
      case 'restart':
        this.#limits = operation.limits
        return this.reopen()
      case 'configure':
        this.#plan = operation.plan
        return this.reopen()
      case 'calibrate': {
        const calibration = calibrations[operation.calibration] ?? null
        await addCalibrated(session, state, { match, calibration, restore: storedPlan })
        return
      }
      case 'use': {
        const model = (await this.#models()).findLast((one) => one.state === 'building')?.model
        if (model !== undefined) await wantVersion(session, state, { match, model })
        return
      }
      case 'rebuild':
        await rebuildMatch(session, state, match)
        return
      case 'publish':
        await publishWhole(session, state)
        return
      default:
        operation satisfies never
    }
  }

  async reopen(): Promise<void> {
    await this.warehouse.close()
    const plan = plans[this.#plan] ?? plans[0]
    this.warehouse = await openTestWarehouse(this.#url, [plan], limits[this.#limits])
  }

  /** What holds at any time: of what is shown, and of each version over the records that it has. */
  async expectConsistent(): Promise<void> {
    const { session, state } = this.warehouse
    const decided = [...this.decisions.values()]
    const shown = await this.#published()
    const own = await storedRecords(session, shown.model)
    expect(await matchedRows(session)).toEqual(bruteForce(own, decided, shown.plan.model))
    for (const { model, plan } of state.matches) {
      const pairs = bruteForcePairs(await storedRecords(session, model), decided, plan.model)
      expect(await storedPairs(session, model)).toEqual(pairs)
      const verified = { schema: 'warehouse', mirrors: state.mirrors, model, plan }
      expect(await verifyRecords(session, verified)).toMatchObject(nothing)
      if (model === shown.model) expect(await verifyTable(session, verified)).toMatchObject(nothing)
    }
    const table = await session.query('select to_jsonb(t)::text from warehouse.person_match t')
    expect(await feedFold(session, 'person_match')).toEqual(table.flat().sort())
    const standing = await session.query(
      `select left_id, right_id from syncline.match_history where match = 'person_match' and valid_to is null order by 1`,
    )
    const rows = await session.query(`select person_id::text, user_id::text from warehouse.person_match`)
    expect(standing.map(String).sort()).toEqual(rows.map(String).sort())
  }

  /** When nothing waits it is the batch match of the data by the model that is wanted, and what the bulk path makes. */
  async expectFinal(): Promise<void> {
    const { session, state } = this.warehouse
    await drainQueue(session, state, new AbortController().signal)
    await this.expectConsistent()
    expect(await publishWhole(session, state)).toBe(true)
    await this.expectConsistent()
    const { model, plan } = await this.#published()
    const records = recordsOf(fold(this.delivered.map((list) => ({ changes: list }))))
    expect(await matchedRows(session)).toEqual(bruteForce(records, [...this.decisions.values()], plan.model))
    const reader = await Session.connect({ url: this.#url, applicationName: 'test' })
    try {
      const { keys, pairs, assignment } = await reader.transaction(() =>
        verifyMatch(reader, { model, plan }, new AbortController().signal),
      )
      expect([keys, pairs, assignment]).toMatchObject([nothing, nothing, nothing])
    } finally {
      await reader.close()
    }
    expect(await session.query('select from syncline.match_cause')).toEqual([])
    const before = await matchedRows(session)
    await rebuildMatch(session, state, 'person_match')
    await drainQueue(session, state, new AbortController().signal)
    expect(await publishWhole(session, state)).toBe(true)
    expect(await matchedRows(session)).toEqual(before)
  }

  /** The server ends the session before some statement of a commit; another process goes on from what is committed. */
  async #crash({ changes: list, statement }: Extract<Operation, { kind: 'crash' }>): Promise<void> {
    const { session, state } = this.warehouse
    const admin = await Session.connect({ url: this.#url, applicationName: 'admin' })
    this.delivered.push(list)
    const batch = this.#batch(list)
    killAt(session, statement, admin)
    await commitBatch(session, this.#source, batch, state).catch(() => undefined)
    await admin.close()
    await this.reopen()
    const position = await readPosition(this.warehouse.session, 's')
    const again = await commitBatch(this.warehouse.session, this.#source, batch, this.warehouse.state)
    expect(again).toBe(position !== batch.after)
  }

  #batch(list: Change[]): Parameters<typeof commitBatch>[2] {
    const at = this.delivered.length
    const before = at === 1 ? null : String(at - 1)
    return { before, after: String(at), changes: list, rejected: [], ledger: [], committedAt: null }
  }

  #models(): Promise<StoredModel[]> {
    return readModels(this.warehouse.session, 'person_match')
  }

  async #published(): Promise<LiveMatch> {
    const model = (await this.#models()).find(({ state }) => state === 'published')?.model
    const match = this.warehouse.state.matches.find((one) => one.model === model)
    return match ?? expect.fail(`no plan follows the published version ${model}`)
  }
}

describe('a live match, whatever is done to it', () => {
  const done: Record<string, number> = {}
  afterAll(() => {
    noteSoakFigures('a live match, whatever is done to it', done)
  })

  it.each(soakSeeds([1, 2, 3]))(
    'is the batch match of its records after each, and of the data in the end: seed %i',
    async (seed) => {
      await fc.assert(
        fc.asyncProperty(
          beginning,
          fc.array(operation, { minLength: 12, maxLength: 24 }),
          async (first, operations) => {
            const database = await testDatabase()
            const life = await Life.begin(database.url)
            try {
              await life.commit(first)
              for (const operation of operations) {
                await life.do(operation)
                done[operation.kind] = (done[operation.kind] ?? 0) + 1
                await life.expectConsistent()
              }
              await life.expectFinal()
            } finally {
              await life.warehouse.close()
              await database.drop()
            }
          },
        ),
        { seed, numRuns: 1 },
      )
    },
    240_000,
  )
})
