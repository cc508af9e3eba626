import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { ChangeBatch, ChangePiece } from '../../src/changes/change-batch.ts'
import type { Column } from '../../src/changes/column.ts'
import { readPosition } from '../../src/state/positions.ts'
import { Session } from '../../src/state/session.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const columns: Column[] = [
  { name: 'id', type: 'integer', nullable: false, keyPosition: 1, comment: null },
  { name: 'value', type: 'text', nullable: true, keyPosition: null, comment: null },
]
const upsert = (id: number, value: string): Change => ({
  kind: 'upsert',
  stream: 'item',
  key: [String(id)],
  row: { id: String(id), value },
})
const source = scriptedSource('s', ['item'], [])

async function* pieces(count: number, failAfter = Infinity): AsyncGenerator<ChangePiece> {
  for (let piece = 0; piece < count; piece++) {
    await Promise.resolve()
    if (piece === failAfter) throw new Error('the link broke within the transaction')
    const changes = Array.from({ length: 100 }, (_, i) => upsert(piece * 100 + i, `piece ${piece}`))
    const rejected = [
      { stream: 'item', key: [`bad ${piece}`], code: 'poison', reason: 'is poison', raw: 'x' },
    ]
    yield { changes, rejected }
  }
  yield { changes: [], rejected: [], ledger: [{ key: 'snapshot/item', value: 'to be read again' }] }
}

function transaction(rest: AsyncIterable<ChangePiece>): ChangeBatch {
  const changes: Change[] = [{ kind: 'schema', stream: 'item', columns }, upsert(0, 'first')]
  return { before: null, after: '1', changes, rejected: [], ledger: [], committedAt: null, rest }
}

describe('a transaction of the source that is larger than memory', () => {
  let database: TestDatabase
  let warehouse: TestWarehouse
  let analyst: Session

  beforeEach(async () => {
    database = await testDatabase()
    warehouse = await openTestWarehouse(database.url, [])
    analyst = await Session.connect({ url: database.url, applicationName: 'test' })
  })
  afterEach(async () => {
    await analyst.close()
    await warehouse.close()
    await database.drop()
  })

  const noted = () => analyst.query(`select value from syncline.ledger where source = 's'`)

  it('is applied piece by piece in its order, and seen whole or not at all', async () => {
    const seen: string[] = []
    const watched = async function* (): AsyncGenerator<ChangePiece> {
      for await (const piece of pieces(20)) {
        const [found] = await analyst.one(`select to_regclass('warehouse.item') is not null`)
        seen.push(found ?? '')
        yield piece
      }
    }
    await commitBatch(warehouse.session, source, transaction(watched()), warehouse.state)
    expect(new Set(seen)).toEqual(new Set(['f']))
    const [rows, first] = await analyst.one(
      `select count(*), max(value) filter (where id = 0) from warehouse.item`,
    )
    expect([rows, first]).toEqual(['2000', 'piece 0'])
    const [letters] = await analyst.one(`select count(*) from syncline.dead_letter where closed_at is null`)
    expect(letters).toBe('20')
    expect(await readPosition(analyst, 's')).toBe('1')
    expect(await noted()).toEqual([['"to be read again"']])
  })

  it('leaves nothing when it breaks in the middle, and is taken in whole when it comes again', async () => {
    const { session, state } = warehouse
    await expect(commitBatch(session, source, transaction(pieces(20, 7)), state)).rejects.toThrow(
      'the link broke',
    )
    expect(await readPosition(analyst, 's')).toBeNull()
    expect(await analyst.query('select stream from syncline.dead_letter')).toEqual([])
    await commitBatch(session, source, transaction(pieces(20)), state)
    expect(await analyst.one('select count(*) from warehouse.item')).toEqual(['2000'])
  })
})
