import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { publishWhole } from '../../src/warehouse/versions.ts'
import { matchPlans } from '../../src/wiring.ts'
import { cli, type CliRun } from './cli.ts'
import { upsert } from './life.ts'
import { testDatabase } from './postgres.ts'
import { scriptedBatches, scriptedSource } from './scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from './warehouse.ts'

/** The records are committed as if they had been read: nothing here needs the source, which would never answer. */
const yaml = `
warehouse: { url: \${WAREHOUSE_URL} }
asOf: 2017-02-02
sources:
  db: { type: mysql, url: 'mysql://nobody@127.0.0.1:\${SOURCE_PORT}/x', tables: { ours: {}, theirs: {} } }
matches:
  people:
    left: { stream: ours, fields: { name: name, town: town } }
    right: { stream: theirs, fields: { name: name, town: town } }
    block: [[name]]
    compare: { name: surname, town: place }
    prior: 100
    threshold: 2
    review: -2
`

const columns: Column[] = [
  { name: 'id', type: 'integer', nullable: false, keyPosition: 1, comment: null },
  ...['name', 'town'].map((name) => ({
    name,
    type: 'text',
    nullable: true,
    keyPosition: null,
    comment: null,
  })),
]
const changes: Change[] = [
  { kind: 'schema', stream: 'ours', columns },
  { kind: 'schema', stream: 'theirs', columns },
  upsert('ours', { id: '1', name: 'Zukowski', town: 'York' }),
  upsert('ours', { id: '2', name: 'Zukowski', town: 'Leeds' }),
  upsert('ours', { id: '3', name: 'Smith', town: null }),
  upsert('theirs', { id: '1', name: 'Żukowski', town: 'york' }),
  upsert('theirs', { id: '3', name: 'Smith', town: 'York' }),
]

/** A small published match, and the commands about it. */
export interface CommandMatch {
  readonly url: string
  /** Of the configuration. */
  readonly folder: string
  syncline(...words: string[]): Promise<CliRun>
  query(text: string): Promise<(string | null)[][]>
  /** The warehouse as its writer. */
  open(): Promise<TestWarehouse>
  /** How often the source was asked. */
  connections(): number
  close(): Promise<void>
}

export async function openCommandMatch(): Promise<CommandMatch> {
  let connections = 0
  const silent = createServer(() => {
    connections++
  })
  const database = await testDatabase()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const environment = { WAREHOUSE_URL: database.url, SOURCE_PORT: String(port) }
  const folder = mkdtempSync(join(tmpdir(), 'syncline-match-'))
  const file = join(folder, 'syncline.yaml')
  writeFileSync(file, yaml)
  const open = (): Promise<TestWarehouse> =>
    openTestWarehouse(database.url, matchPlans(loadConfig(file, environment)))
  const warehouse = await open()
  const source = scriptedSource('script', ['ours', 'theirs'], [])
  const [batch] = scriptedBatches([{ changes }])
  await commitBatch(warehouse.session, source, batch ?? expect.fail(), warehouse.state)
  await publishWhole(warehouse.session, warehouse.state)
  await warehouse.close()
  return {
    ...{ url: database.url, folder, open },
    syncline: (...words) => cli([...words, '-c', file], environment),
    query: async (text) => {
      const session = await Session.connect({ url: database.url, applicationName: 'test' })
      try {
        return await session.query(text)
      } finally {
        await session.close()
      }
    },
    connections: () => connections,
    close: async () => {
      rmSync(folder, { recursive: true, force: true })
      await database.drop()
      silent.close()
    },
  }
}
