import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageFile } from '../../src/runtime/package-file.ts'
import { Session } from '../../src/state/session.ts'
import type { NamedEvaluation } from '../../src/evaluate.ts'
import { cli, type CliRun } from '../support/cli.ts'
import { mysqlServers, testSchema, type TestSchema } from '../support/mysql.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import {
  loadRegisters,
  practitionerFolder,
  practitionerTruth,
  readRegisters,
} from '../support/practitioners.ts'

const folder = practitionerFolder()
if (folder === null) {
  process.stderr.write(
    'NOT TESTED: matching real registers of practitioners. Their files are not there; LINKAGE_DATA names their folder.\n',
  )
}

const [server] = mysqlServers

describe.skipIf(folder === null)('two registers of practitioners, nothing like the vendor’s users', () => {
  let database: TestDatabase
  let schema: TestSchema
  let scratch: string
  let truth: string

  const syncline = (...words: string[]): Promise<CliRun> =>
    cli([...words, '-c', packageFile('examples', 'practitioners', 'syncline.yaml')], {
      WAREHOUSE_URL: database.url,
      PRACTITIONERS_MYSQL_URL: schema.url,
    })

  beforeAll(async () => {
    database = await testDatabase()
    schema = await testSchema(server ?? expect.fail())
    const registers = readRegisters(folder ?? '')
    await loadRegisters(schema, registers)
    scratch = mkdtempSync(join(tmpdir(), 'syncline-practitioners-'))
    truth = join(scratch, 'truth.csv')
    writeFileSync(truth, practitionerTruth(registers))
  })
  afterAll(async () => {
    rmSync(scratch, { recursive: true, force: true })
    await schema.drop()
    await database.drop()
  })

  it('are matched by names, sex, locality and parts of the birth date, as accurately as the data allows', async () => {
    expect((await syncline('run', '--snapshot')).code).toBe(0)
    const { code, stdout } = await syncline('match', 'evaluate', '--truth', truth, '--json')
    expect(code).toBe(0)
    const { all, blockingRecall, candidates } = JSON.parse(stdout) as NamedEvaluation
    expect(all.expected).toBe(680)
    expect(blockingRecall.all).toBeGreaterThan(0.99)
    expect(candidates.perRight).toBeLessThan(5)
    expect(all.atThreshold.precision).toBeGreaterThan(0.99)
    expect(all.atThreshold.recall).toBeGreaterThan(0.97)
    expect(all.atThreshold.f1).toBeGreaterThan(0.98)
  })

  const f1 = async (...words: string[]): Promise<number> => {
    const { code, stdout } = await syncline('match', 'evaluate', '--truth', truth, '--json', ...words)
    expect(code).toBe(0)
    return (JSON.parse(stdout) as NamedEvaluation).all.atThreshold.f1 ?? 0
  }

  it('stand in a table with the columns of this match', async () => {
    const session = await Session.connect({ url: database.url, applicationName: 'test' })
    const columns = await session.query(
      `select column_name from information_schema.columns
        where table_schema = 'warehouse' and table_name = 'practitioner_match' order by ordinal_position`,
    )
    await session.close()
    expect(columns.flat()).toEqual(
      expect.arrayContaining(['large_id', 'small_id', 'large_name', 'small_birth_year', 'locality']),
    )
  })

  it('are matched as well by weights that were learnt from the data without the truth, once that is asked for', async () => {
    const before = await f1()
    const calibrated = await syncline('match', 'calibrate')
    expect(calibrated).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('model 2 is built') as string,
    })
    expect(await f1('--model', '2')).toBeGreaterThan(0.98)
    expect(await f1()).toBe(before)
    expect(await syncline('match', 'use', '2')).toMatchObject({ code: 0, stdout: 'model 2 is published\n' })
    expect(await f1()).toBe(await f1('--model', '2'))
  })
})
