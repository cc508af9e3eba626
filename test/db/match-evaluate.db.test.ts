import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blockingRecall, evaluate } from '../../examples/vendor-match/evaluate.ts'
import { csvLines } from '../../examples/vendor-match/export.ts'
import { generate } from '../../examples/vendor-match/generate.ts'
import { towns } from '../../examples/vendor-match/tables.ts'
import { truthPairs } from '../../examples/vendor-match/truth-pairs.ts'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { NamedEvaluation } from '../../src/evaluate.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { matchPlans } from '../../src/wiring.ts'
import { cli, type CliRun } from '../support/cli.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedBatches, scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

const data = generate({ internal: 3_000, vendor: 2_000, dirty: true, seed: 4 })
const fieldNames = ['first_name', 'last_name', 'location', 'specialty']

/** No source of it is asked: the records are committed as if they had been read. */
const yaml = `
warehouse: { url: \${WAREHOUSE_URL} }
sources:
  db: { type: mysql, url: 'mysql://nobody@127.0.0.1:1/x', tables: { i: { as: internal }, v: { as: vendor } } }
matches:
  people:
    left: { stream: internal, fields: { ${fieldNames.map((name) => `${name}: ${name}`).join(', ')} } }
    right: { stream: vendor, fields: { ${fieldNames.map((name) => `${name}: ${name}`).join(', ')} } }
    prior: 3000
`

const columns: Column[] = [
  { name: 'id', type: 'integer', nullable: false, keyPosition: 1, comment: null },
  ...fieldNames.map((name) => ({ name, type: 'text', nullable: true, keyPosition: null, comment: null })),
]

function* changes(): Generator<Change> {
  for (const stream of ['internal', 'vendor']) yield { kind: 'schema', stream, columns }
  const upsert = (stream: string, id: number, fields: readonly (string | null)[]): Change => ({
    kind: 'upsert',
    stream,
    key: [String(id)],
    row: { id: String(id), ...Object.fromEntries(fieldNames.map((name, i) => [name, fields[i] ?? null])) },
  })
  for (const user of data.internalUsers()) {
    const town = towns[user.practice_id - 1] ?? null
    yield upsert('internal', user.id, [user.firstname, user.lastname, town, user.specialty])
  }
  for (const user of data.vendorUsers()) {
    yield upsert('vendor', user.id, [user.firstname, user.lastname, user.practice_location, user.specialty])
  }
}

describe('match evaluate', () => {
  let database: TestDatabase
  let folder: string
  let config: string
  let truth: string

  const syncline = (...words: string[]): Promise<CliRun> =>
    cli([...words, '-c', config], { WAREHOUSE_URL: database.url })

  beforeAll(async () => {
    database = await testDatabase()
    folder = mkdtempSync(join(tmpdir(), 'syncline-evaluate-'))
    config = join(folder, 'syncline.yaml')
    truth = join(folder, 'truth.csv')
    writeFileSync(config, yaml)
    writeFileSync(truth, [...csvLines(truthPairs(data.truth))].join(''))
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await database.drop()
  })

  it('says that nothing has been matched yet', async () => {
    const { code, stderr } = await syncline('match', 'evaluate', '--truth', truth)
    expect(code).toBe(78)
    expect(stderr).toContain('the match people has not been published yet')
  })

  it('finds what the published match is worth, and leaves nothing behind', async () => {
    const plans = matchPlans(loadConfig(config, { WAREHOUSE_URL: database.url }))
    const warehouse = await openTestWarehouse(database.url, plans)
    const source = scriptedSource('db', ['internal', 'vendor'], [])
    for (const batch of scriptedBatches([{ changes: [...changes()] }])) {
      await commitBatch(warehouse.session, source, batch, warehouse.state)
    }
    await drainQueue(warehouse.session, warehouse.state, new AbortController().signal)
    for (const match of warehouse.state.matches) await publish(warehouse.session, match, warehouse.state)
    await warehouse.close()

    const before = await tableNames(database.url)
    const { code, stdout } = await syncline('match', 'evaluate', '--truth', truth, '--json')
    expect(code).toBe(0)
    expect(await tableNames(database.url)).toEqual(before)
    const found = JSON.parse(stdout) as NamedEvaluation
    const matches = await readPairs(database.url, 'match_assignment_1')
    const wanted = evaluate({ matches, truth: data.truth })
    expect(found.decidable.atThreshold).toMatchObject(withoutExpected(wanted.decidable))
    expect(found.all.atThreshold).toMatchObject(withoutExpected(wanted.all))
    expect(found.decidable.expected).toBe(wanted.decidable.expected)
    expect(found.all.expected).toBe(wanted.all.expected)
    expect(wanted.decidable.found).toBeGreaterThan(1_000)
    expect(wanted.decidable.precision).toBeLessThan(1)

    const candidates = await readPairs(database.url, null)
    expect(found.candidates.sampled).toBe(2_000)
    expect(found.candidates.perRight).toBe(candidates.length / 2_000)
    expect(found.candidates.perLeft).toBeCloseTo(candidates.length / 3_000)
    const recall = blockingRecall({ candidates, truth: data.truth })
    expect(found.blockingRecall.decidable).toBe(recall.decidable)
    expect(found.absentPairs).toBe(0)

    const { patterns } = found
    const sum = (name: 'pairs' | 'matched' | 'wrong'): number =>
      patterns.reduce((total, pattern) => total + pattern[name], 0)
    expect(sum('pairs')).toBe(wanted.decidable.expected)
    expect(sum('matched')).toBe(wanted.decidable.correct)
    expect(sum('wrong')).toBe(wanted.decidable.found - wanted.decidable.correct)
    expect(patterns[0]?.levels).toEqual(Object.fromEntries(fieldNames.map((name) => [name, 'exact'])))
  })

  it('prints tables for people', async () => {
    const { stdout } = await syncline('match', 'evaluate', '--truth', truth, '--match', 'people')
    expect(stdout).toMatch(/^Match people, model 1: \d+ decidable matches to be found, \d+ in all\n/)
    expect(stdout).toMatch(/\n1\.7 in use +0\.\d{4} +0\.\d{4} +0\.\d{4} +\d+ +\d+\n/)
    expect(stdout).toMatch(/\nBlocking recall: 0\.9\d+ /)
    expect(stdout).toMatch(/\nall exact +\d+/)
  })

  it('refuses a match that is not configured, ids of other records, and a changed configuration', async () => {
    expect(await syncline('match', 'evaluate', '--truth', truth, '--match', 'peolpe')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('did you mean people?') as string,
    })
    const foreign = join(folder, 'foreign.csv')
    writeFileSync(foreign, 'left_id,right_id\nnobody,11\n')
    expect(await syncline('match', 'evaluate', '--truth', foreign)).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('none of the left_id of the truth is a record of this match') as string,
    })
    writeFileSync(config, yaml.replace('prior: 3000', 'prior: 3001'))
    expect(await syncline('match', 'evaluate', '--truth', truth)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('has changed since it was published') as string,
    })
  })
})

function withoutExpected({
  found,
  correct,
  precision,
  recall,
  f1,
}: ReturnType<typeof evaluate>['all']): object {
  return { found, correct, precision, recall, f1 }
}

async function query(url: string, text: string): Promise<(string | null)[][]> {
  const session = await Session.connect({ url, applicationName: 'test' })
  try {
    return await session.query(text)
  } finally {
    await session.close()
  }
}

function tableNames(url: string): Promise<(string | null)[][]> {
  return query(url, `select schemaname, tablename from pg_tables order by 1, 2`)
}

/** Stored pairs of a table, or all that share a key. */
async function readPairs(
  url: string,
  table: string | null,
): Promise<{ internalId: number; vendorId: number }[]> {
  const rows = await query(
    url,
    table === null
      ? `select distinct l.id, r.id from syncline.match_key_1 l join syncline.match_key_1 r using (key)
          where l.side = 'l' and r.side = 'r'`
      : `select id, partner from syncline.${table} where side = 'l'`,
  )
  return rows.map(([left, right]) => ({ internalId: Number(left), vendorId: Number(right) }))
}
