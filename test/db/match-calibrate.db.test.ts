import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { calibrationText } from '../../src/cli/calibration-text.ts'
import { calibrate, type CalibrationReport } from '../../src/match/calibrate/calibrate.ts'
import { modelDefinition } from '../../src/match/definition.ts'
import { evaluate } from '../../src/match/evaluate.ts'
import type { TruthRow } from '../../src/match/truth.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import { addCalibrated, publishWhole } from '../../src/warehouse/versions.ts'
import { matchPlan, storedPlan } from '../../src/wiring.ts'
import { makePeople } from '../support/people.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches, scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const fields = ['first_name', 'last_name', 'location', 'specialty']
const columns: Column[] = [
  { name: 'id', type: 'integer', nullable: false, keyPosition: 1, comment: null },
  ...fields.map((name) => ({ name, type: 'text', nullable: true, keyPosition: null, comment: null })),
]
const people = makePeople({ left: 3_000, right: 2_000, seed: 7, dirty: true })

const side = (stream: string): { stream: string; prefix: string; joins: []; fields: object } => ({
  ...{ stream, prefix: stream, joins: [] },
  fields: Object.fromEntries(fields.map((column) => [column, { stream, column }])),
})

/** Whoever configured it thought that places tell everything and names next to nothing. */
const misjudged = modelDefinition.parse({
  prior: 3_000,
  compare: {
    first_name: { kind: 'given-name', levels: { exact: { m: 0.5 }, different: { m: 0.4 } } },
    last_name: { kind: 'surname', levels: { exact: { m: 0.4 }, different: { m: 0.5 } } },
    location: { kind: 'place', levels: { exact: { m: 0.999, u: 0.0005 }, different: { m: 0.0001 } } },
    specialty: { kind: 'category', levels: { exact: { m: 0.6, u: 0.4 } } },
  },
})

const plan = matchPlan({
  name: 'people',
  description: '',
  left: side('ours') as Parameters<typeof matchPlan>[0]['left'],
  right: side('theirs') as Parameters<typeof matchPlan>[0]['left'],
  single: [],
  activity: null,
  model: misjudged,
})

function* changes(): Generator<Change> {
  for (const stream of ['ours', 'theirs']) yield { kind: 'schema', stream, columns }
  const upsert = (stream: string, id: number, values: readonly (string | null)[]): Change => ({
    ...{ kind: 'upsert', stream, key: [String(id)] },
    row: { id: String(id), ...Object.fromEntries(fields.map((name, i) => [name, values[i] ?? null])) },
  })
  for (const [id, values] of people.left.entries()) yield upsert('ours', id, values)
  for (const [id, person] of people.right.entries()) yield upsert('theirs', id, person.fields)
}

const truth: TruthRow[] = people.right.map(({ left, decidable }, right) => ({
  left: left === null ? null : String(left),
  right: String(right),
  decidable,
}))

const { signal } = new AbortController()

describe('calibrating a match of noisy people', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  let report: CalibrationReport

  const learn = (): Promise<CalibrationReport> =>
    calibrate(warehouse.session, { model: 1, definition: misjudged, fields, signal })
  const f1 = async (number: number, { model } = plan): Promise<number> => {
    const rows = (async function* () {
      yield await Promise.resolve(truth)
    })()
    const { decidable } = await evaluate(warehouse.session, { number, model, truth: rows, signal })
    return decidable.atThreshold.f1 ?? 0
  }

  beforeAll(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [plan])
    const { session, state } = warehouse
    const source = scriptedSource('script', ['ours', 'theirs'], [])
    for (const batch of scriptedBatches([{ changes: [...changes()] }])) {
      await commitBatch(session, source, batch, state)
    }
    await drainQueue(session, state, signal)
    await publishWhole(session, state)
    report = await learn()
  })
  afterAll(async () => {
    await warehouse.close()
    await database.drop()
  })

  it('finds how often fields agree in two records of one person, and by chance', () => {
    const { levels, frequencies } = report.calibration
    expect(report.untaught).toEqual([])
    // How `noisy` makes them: 5 % move, one in a hundred of those to the same town; 3 % take a synonym.
    expect(levels['location']?.['exact']?.m).toBeCloseTo(0.95, 1)
    expect(levels['location']?.['exact']).toMatchObject({ u: expect.closeTo(0.01, 2) as number })
    expect(levels['specialty']?.['exact']).toMatchObject({ u: expect.closeTo(0.125, 2) as number })
    expect(levels['last_name']?.['different']?.m).toBeLessThan(0.06)
    expect(frequencies['last_name']?.values).toBeDefined()
  })

  it('tells it as a table', () => {
    const before = { location: { exact: { m: 0.999, u: 0.0005 } } }
    const text = calibrationText({ match: 'people', model: 1, before, ...report })
    expect(text).toMatch(
      /^Learnt from the records of people, model 1\n\nlevel +m +configured +u +configured\n/,
    )
    expect(text).toMatch(/\nlocation exact +0\.9\d+ +0\.999 +0\.0\d+ +0\.000500\n/)
    expect(text).toMatch(/\nlast_name exact +0\.\d+ +- +[\d.]+ x share +-\n/)
    expect(text).toMatch(/\n {2}first_name \+ location: [\d,]+ pairs, 0\.\d+ of them matches\n/)
    expect(text).toMatch(/\nfrequencies of last_name: [\d,]+ values\n/)
  })

  it('learns the same from the same records', async () => {
    expect(await learn()).toEqual(report)
  })

  it('makes a misjudged model good, without being told who is who', async () => {
    const { session, state } = warehouse
    const { calibration } = report
    const before = await f1(1)
    const model = await addCalibrated(session, state, { match: 'people', calibration, restore: storedPlan })
    await drainQueue(session, state, signal)
    const after = await f1(model, state.matches.find((match) => match.model === model)?.plan)
    expect(after).toBeGreaterThan(before + 0.01)
    expect(after).toBeGreaterThan(0.98)
  })

  it('says that there is too little to learn from while a side is empty', async () => {
    const empty = await testDatabase()
    const other = await openTestWarehouse(empty.url, [plan])
    const learning = calibrate(other.session, { model: 1, definition: misjudged, fields, signal })
    await expect(learning).rejects.toThrow('a side of the match has fewer than 100 records')
    await other.close()
    await empty.drop()
  })
})
