import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { Audit, ChangeBatch, Rejected } from '../../src/changes/change-batch.ts'
import type { Column } from '../../src/changes/column.ts'
import { readPosition } from '../../src/state/positions.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const column = (name: string, type: string, keyPosition: number | null = null): Column => ({
  ...{ name, type, keyPosition },
  nullable: keyPosition === null,
  comment: null,
})
const columns = [
  column('id', 'integer', 1),
  column('place', 'text', 2),
  column('value', 'text'),
  column('at', 'timestamp(6)'),
]
const record = (
  id: number,
  value: string | null = `value ${id}`,
): { key: string[]; row: Record<string, string | null> } => ({
  key: [String(id), 'a,"b"\\'],
  row: { id: String(id), place: 'a,"b"\\', value, at: '2017-02-02 00:00:00.5' },
})
const upsert = (id: number, value?: string | null): Change => ({
  kind: 'upsert',
  stream: 'item',
  ...record(id, value),
})
const source = scriptedSource('s', ['item'], [])

describe('a comparison of a mirror with its source', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse

  const commit = async (
    changes: readonly Change[],
    audit?: Omit<Audit, 'stream'>,
    rejected: Rejected[] = [],
  ): Promise<void> => {
    const before = await readPosition(warehouse.session, 's')
    const batch: ChangeBatch = {
      ...{ before, after: String(Number(before ?? 0) + 1), changes, rejected },
      ledger: [],
      committedAt: null,
      ...(audit === undefined ? {} : { audit: { stream: 'item', ...audit } }),
    }
    await commitBatch(warehouse.session, source, batch, warehouse.state)
  }
  const found = async (): Promise<string[]> => {
    const rows = await warehouse.session.query(
      `select (id::json ->> 0) || ' ' || kind from syncline.audit_difference order by (id::json ->> 0)::int`,
    )
    return rows.map(([line]) => line ?? '')
  }

  beforeEach(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [])
    await commit([{ kind: 'schema', stream: 'item', columns }, ...[1, 2, 3, 4, 5, 6].map((id) => upsert(id))])
  })
  afterEach(async () => {
    await warehouse.close()
    await database.drop()
  })

  it('finds nothing where all is equal, whatever the values hold', async () => {
    await commit([upsert(7, null), upsert(8, 'NULL'), upsert(9, '')])
    await commit([], { first: true, rows: [1, 2, 3, 4].map((id) => record(id)), last: false })
    const rest = [record(5), record(6), record(7, null), record(8, 'NULL'), record(9, '')]
    await commit([], { first: false, rows: rest, last: true })
    expect(await found()).toEqual([])
    const audit = await warehouse.session.one('select compared, finished_at is not null from syncline.audit')
    expect(audit).toEqual(['9', 't'])
  })

  it('finds what is missing, different and too many, and writes none of it', async () => {
    await warehouse.session.query(`update warehouse.item set value = 'edited by hand' where id = 2`)
    await warehouse.session.query(`delete from warehouse.item where id = 3`)
    await warehouse.session.query(`insert into warehouse.item values (77, 'x', null, null)`)
    await commit([], { first: true, rows: [1, 2, 3].map((id) => record(id)), last: false })
    await commit([], { first: false, rows: [4, 5, 6].map((id) => record(id)), last: true })
    expect(await found()).toEqual(['2 different', '3 missing', '77 extra'])
    const [value] = await warehouse.session.one('select value from warehouse.item where id = 2')
    expect(value).toBe('edited by hand')
  })

  it('takes no change that arrives meanwhile for a difference', async () => {
    await commit([], { first: true, rows: [record(1), record(2)], last: false })
    await commit([
      upsert(2, 'changed after it was compared'),
      upsert(100, 'came behind the place that was read'),
      { kind: 'delete', stream: 'item', key: record(5).key },
    ])
    await commit([upsert(3, 'changed with it')], {
      first: false,
      rows: [record(3, 'changed with it'), record(4), record(6)],
      last: true,
    })
    expect(await found()).toEqual([])
  })

  it('passes over records that are known not to be as their source', async () => {
    const rejected = { stream: 'item', key: record(4).key, code: 'poison', reason: 'is poison', raw: '{}' }
    await commit([], undefined, [rejected])
    const rows = [1, 2, 3, 5, 6].map((id) => record(id))
    await commit([], { first: true, rows, last: true })
    expect(await found()).toEqual([])
  })

  it('forgets what an earlier one found', async () => {
    await commit([], { first: true, rows: [record(1)], last: true })
    expect(await found()).toHaveLength(5)
    await commit([], { first: true, rows: [1, 2, 3, 4, 5, 6].map((id) => record(id)), last: true })
    expect(await found()).toEqual([])
  })
})
