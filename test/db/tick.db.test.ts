import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { modelDefinition } from '../../src/match/definition.ts'
import { compileModel } from '../../src/match/model.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import type { MatchPlan } from '../../src/warehouse/match-plan.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { tick } from '../../src/warehouse/tick.ts'
import { feedFold } from '../support/match-content.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { tries } from '../support/property.ts'
import { scriptedBatches, scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const columns: Column[] = [
  { name: 'id', type: 'integer', nullable: false, keyPosition: 1, comment: null },
  { name: 'name', type: 'text', nullable: true, keyPosition: null, comment: null },
  { name: 'seen', type: 'date', nullable: true, keyPosition: null, comment: null },
]

const side = (stream: string): MatchPlan['left'] => ({
  stream,
  prefix: stream,
  joins: [],
  fields: new Map([
    ['name', { stream, column: 'name' }],
    ['seen', { stream, column: 'seen' }],
  ]),
})

const plan: MatchPlan = {
  name: 'seen_match',
  description: 'Who was seen.',
  model: compileModel(
    modelDefinition.parse({ block: [['name']], compare: { name: 'surname' }, prior: 2, threshold: 1 }),
    ['name', 'seen'],
  ),
  left: side('ours'),
  right: side('theirs'),
  single: [],
  activity: { field: 'seen', days: 30 },
  definition: {},
  origin: '',
  calibration: null,
}

const people = 40
const at = (day: number): string => new Date(Date.UTC(2017, 0, 1 + day)).toISOString().slice(0, 10)
/** The edge, far away, the future, unknown, and dates whose text is no four-digit year. */
const seen = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -35, max: 70 }).map(at) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(null, '9999-12-31', 'infinity', '-infinity', '12017-01-05', '0044-03-15 BC'),
  },
)

describe('the tick of the clock', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  beforeAll(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [plan])
    const { session, state } = warehouse
    const source = scriptedSource('shapes', ['ours', 'theirs'], [])
    const [shapes] = scriptedBatches([
      { changes: ['ours', 'theirs'].map((stream): Change => ({ kind: 'schema', stream, columns })) },
    ])
    await commitBatch(session, source, shapes ?? expect.fail(), state)
    for (const match of state.matches) await publish(session, match, state)
  })
  afterAll(async () => {
    await warehouse.close()
    await database.drop()
  })

  it('over any number of days, either way, writes only the matches that cross the edge, with the day itself', async () => {
    const { session, state } = warehouse
    let run = 0
    let written = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(seen, { minLength: 2 * people, maxLength: 2 * people }),
        fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 6 }),
        async (dates, days) => {
          const source = scriptedSource(`dates ${run++}`, ['ours', 'theirs'], [])
          const changes = dates.map((date, i): Change => {
            const id = String(i >> 1)
            const row = {
              id,
              name: `name${'abcdefgh'.charAt(Number(id) % 8).repeat(Number(id))}x`,
              seen: date,
            }
            return { kind: 'upsert', stream: i % 2 === 0 ? 'ours' : 'theirs', key: [id], row }
          })
          for (const batch of scriptedBatches([{ changes }])) await commitBatch(session, source, batch, state)
          for (const day of days) {
            const read = (): Promise<(string | null)[][]> =>
              session.query(
                `select ours_id, ours_active, theirs_active, t.xmin::text, ours_seen >= as_of - 30, theirs_seen >= as_of - 30
                   from warehouse.seen_match t, warehouse.as_of order by ours_id`,
              )
            const before = await read()
            await tick(session, state, at(day))
            const after = await read()
            expect(after).toHaveLength(people)
            for (const [i, row] of after.entries()) {
              const [, ours, theirs, version, isOurs, isTheirs] = row
              expect([ours, theirs]).toEqual([isOurs, isTheirs])
              const moved = ours !== before[i]?.[1] || theirs !== before[i]?.[2]
              expect(version !== before[i]?.[3]).toBe(moved)
              if (moved) written++
            }
            expect(await tick(session, state, at(day))).toBe(false)
          }
        },
      ),
      tries(25),
    )
    expect(written).toBeGreaterThan(100)
  }, 240_000)

  it('leaves a feed that makes the table and a history of which exactly one interval holds at each moment', async () => {
    const { session } = warehouse
    const table = await session.query('select to_jsonb(t)::text from warehouse.seen_match t')
    expect(await feedFold(session, 'seen_match')).toEqual(table.flat().sort())
    const open = await session.query(
      `select left_id, right_id, left_active, right_active from syncline.match_history
        where match = 'seen_match' and valid_to is null order by left_id::integer`,
    )
    expect(open).toEqual(
      await session.query(
        'select ours_id::text, theirs_id::text, ours_active, theirs_active from warehouse.seen_match order by seen_match.ours_id',
      ),
    )
    const broken = await session.query(
      `select * from (select left_id, valid_from, valid_to,
                             lead(valid_from) over (partition by left_id order by valid_from) as next
                        from syncline.match_history) h
        where valid_to <= valid_from or valid_to is distinct from next`,
    )
    expect(broken).toEqual([])
    const [causes] = await session.one(
      `select string_agg(distinct cause, ',' order by cause) from syncline.match_change`,
    )
    expect(causes).toBe('clock,source')
  })
})
