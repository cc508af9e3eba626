import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { explain } from '../../src/match/explain.ts'
import { listForReview } from '../../src/match/review-list.ts'
import type { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { upsert } from '../support/life.ts'
import { forgetDecisions, goLive, say, type LiveMatch } from '../support/live-match.ts'
import { matchedRows } from '../support/match-content.ts'
import { peopleModel, peoplePlan, peopleStreams } from '../support/people-match.ts'
import {
  begin,
  bruteForcePairs,
  fold,
  recordsOf,
  reviews,
  script,
  type Decided,
} from '../support/people-script.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { tries } from '../support/property.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const ids = ['1', '2', '3', '4', '5', '6']

describe('explaining and reviewing', () => {
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

  it('gives for every pair the reason that brute force gives, and lists what is undecided by its value', async () => {
    const { session, state } = warehouse
    const seen = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(script, reviews, async (steps, said) => {
        await forgetDecisions(warehouse)
        const source = live.nextSource()
        const clean = Object.keys(peopleStreams).map((stream) => ({ kind: 'truncate' as const, stream }))
        const all = [{ changes: [...begin.changes, ...clean] }, ...steps]
        for (const batch of scriptedBatches(all)) await commitBatch(session, source, batch, state)
        const decisions = new Map<string, Decided>()
        await say(warehouse, said[0] ?? [], decisions)
        const records = recordsOf(fold(all))
        const stored = bruteForcePairs(records, [...decisions.values()])
        const undecided = bruteForcePairs(records)
        const matches = new Set((await matchedRows(session)).map((row) => row.split(' ')[0]))
        const shared = await sharedPassesInSql(session)
        for (const left of ids) {
          for (const right of ids) {
            const { outcome, score, comparison, rivals, sharedPasses } = await session.transaction(() =>
              explain(session, { model: live.model, plan: peoplePlan }, { left, right }),
            )
            seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
            expect(shared.get(`${left} ${right}`)).toEqual(sharedPasses)
            expect(outcome === 'matched').toBe(matches.has(`${left}-${right}`))
            const isThere =
              records.left.some(({ id }) => id === left) && records.right.some(({ id }) => id === right)
            expect(outcome === 'no-record').toBe(!isThere)
            if (!isThere) continue
            expect(score).toBe(comparison.reduce((sum, { weight }) => sum + weight, 0))
            const scored = undecided.find((pair) => pair.left === left && pair.right === right)
            if (scored) expect(scored.score).toBe(score)
            const pair = stored.find((one) => one.left === left && one.right === right)
            if (outcome === 'cannot') expect(decisions.get(`${left} ${right}`)?.verdict).toBe('cannot')
            if (outcome === 'no-shared-key' || outcome === 'below-review') expect(pair).toBeUndefined()
            if (outcome === 'below-threshold') expect(pair?.score).toBeLessThan(peopleModel.threshold)
            const held = (side: typeof rivals.left): string | undefined =>
              side.find(({ matched }) => matched)?.id
            if (outcome === 'left-has-better') expect(held(rivals.left)).toBeDefined()
            if (outcome === 'right-has-better') expect(held(rivals.right)).toBeDefined()
            expect(outcome).not.toBe('waiting')
          }
        }
        const { fields, threshold } = peopleModel
        const options = { model: live.model, fields, match: 'person_match', threshold, limit: 100 }
        const listed = await listForReview(session, options)
        const wanted = stored.filter(({ left, right }) => !decisions.has(`${left} ${right}`))
        expect(listed.length).toBeLessThanOrEqual(wanted.length)
        for (const [index, one] of listed.entries()) {
          expect(wanted).toContainEqual(
            expect.objectContaining({ left: one.left, right: one.right, score: one.score }),
          )
          expect(one.value).toBeLessThanOrEqual(Math.min(1, listed[index - 1]?.value ?? 1) + 1e-9)
          expect(one.probability).toBeCloseTo(chanceOf(one, stored), 6)
        }
      }),
      tries(25),
    )
    const usual = ['matched', 'cannot', 'no-shared-key', 'below-threshold', 'no-record']
    expect([...seen.keys()]).toEqual(expect.arrayContaining(usual))
  }, 240_000)

  it('tells analysts in SQL what is known of a pair', async () => {
    const { session, state } = warehouse
    await forgetDecisions(warehouse)
    const clean = Object.keys(peopleStreams).map((stream) => ({ kind: 'truncate' as const, stream }))
    const people = ['1', '2'].map((id) =>
      upsert('person', { id, first: 'ann', last: 'lee', practice_id: '1' }),
    )
    const changes = [
      ...clean,
      upsert('practice', { id: '1', town: 'york' }),
      ...people,
      upsert('user', { id: '1', first: 'ann', last: 'lee', town: 'york' }),
    ]
    const [batch] = scriptedBatches([{ changes }])
    await commitBatch(session, live.nextSource(), batch ?? expect.fail(), state)
    await say(warehouse, [{ left: '2', right: '1', verdict: 'cannot' }], new Map())
    const rows = await session.query(
      `select aspect, side, id, partner, detail from syncline.explain('person_match', '1')
        where aspect !~ '^(source|threshold|review|weight)'`,
    )
    expect(rows.map((row) => row.map((cell) => cell ?? '').join('|'))).toEqual([
      `model||||${live.model}`,
      'field first_name|left|1||ann',
      'field first_name|right|1||ann',
      'field last_name|left|1||lee',
      'field last_name|right|1||lee',
      'field location|left|1||york',
      'field location|right|1||york',
      'shared key||1|1|last_name',
      'shared key||1|1|first_name + location',
      'decision||2|1|cannot by ann',
      'match|left|1|1|they are matched',
      'match|right|1|1|they are matched',
    ])
    const { comparison, score } = await session.transaction(() =>
      explain(session, { model: live.model, plan: peoplePlan }, { left: '1', right: '1' }),
    )
    const weights = await session.query(
      `select aspect, bits, detail from syncline.explain('person_match', '1') where aspect like 'weight %'`,
    )
    expect(weights.map(([aspect, bits]) => [aspect, Number(bits) * 1000])).toEqual(
      comparison.map(({ field, weight }) => [`weight ${field ?? 'prior'}`, weight]),
    )
    const bits = (milliBits: number): string => (milliBits / 1000).toFixed(3)
    const rarity = bits(comparison[1]?.termFrequency ?? 0)
    const sum = bits((comparison[0]?.weight ?? 0) + (comparison[1]?.weight ?? 0))
    expect(weights[1]?.[2]).toBe(`exact, ${rarity} of it for how rare the values are, sum ${sum}`)
    expect(weights.at(-1)?.[2]).toBe(`exact, sum ${bits(score ?? 0)}`)
  })
})

/** By which passes each pair shares a key, as analysts see it. */
async function sharedPassesInSql(session: Session): Promise<Map<string, string[]>> {
  const rows = await session.query(
    `select l, r, (select coalesce(json_agg(e.detail order by e.place), '[]')
                     from syncline.explain('person_match', l, r)
                          with ordinality as e(aspect, side, id, partner, bits, detail, place)
                    where e.aspect = 'shared key')
       from unnest($1::text[]) l, unnest($1::text[]) r`,
    [ids],
  )
  return new Map(rows.map(([l, r, passes]) => [`${l} ${r}`, JSON.parse(passes ?? '') as string[]]))
}

function chanceOf(
  pair: { left: string; right: string; score: number },
  pairs: readonly { left: string; right: string; score: number }[],
): number {
  const odds = (score: number): number => 2 ** Math.min(Math.max(score / 1000, -40), 40)
  const rival = (isRival: (other: (typeof pairs)[number]) => boolean): number => {
    const scores = pairs.filter(isRival).map(({ score }) => score)
    return scores.length === 0 ? 0 : odds(Math.max(...scores))
  }
  const ofLeft = rival(({ left, right }) => left === pair.left && right !== pair.right)
  const ofRight = rival(({ left, right }) => right === pair.right && left !== pair.left)
  return odds(pair.score) / (1 + odds(pair.score) + ofLeft + ofRight)
}
