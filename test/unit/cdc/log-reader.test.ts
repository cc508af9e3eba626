import { expect, test } from 'vitest'
import type { CharacterSets } from '../../../src/cdc/binlog/character-sets.ts'
import { BatchBuilder } from '../../../src/cdc/tail/batch-builder.ts'
import { LogReader } from '../../../src/cdc/tail/log-reader.ts'
import { PreparedTransactions } from '../../../src/cdc/tail/prepared-transactions.ts'
import type { TransactionId } from '../../../src/cdc/tail/transaction-ids.ts'

const types = { xid: 16, format: 15, gtid: 162 }

function event(type: keyof typeof types, body: Buffer = Buffer.alloc(8)): Buffer {
  const header = Buffer.alloc(19)
  header[4] = types[type]
  return Buffer.concat([header, body])
}

function gtid(sequence: number): Buffer {
  const body = Buffer.alloc(19)
  body.writeBigUInt64LE(BigInt(sequence))
  return event('gtid', body)
}

/** Rows are put into the builder by hand: what is tested is what becomes of them. */
function readerOf(): {
  reader: LogReader
  builder: BatchBuilder
  insert: (id: string) => void
  ids: TransactionId[]
} {
  const builder = new BatchBuilder()
  const ids: TransactionId[] = []
  const reader = new LogReader({
    ...{ flavour: 'mariadb', builder, isUnreadable: false, byFile: false, now: () => 0 },
    characterSets: null as unknown as CharacterSets,
    findTable: () => null,
    onCommit: (id) => {
      if (id !== null) ids.push(id)
    },
    onPlace: () => undefined,
    prepared: new PreparedTransactions(1_000),
  })
  const insert = (id: string): void => {
    builder.changes.push({ kind: 'upsert', stream: 't', key: [id], row: { id } })
    builder.grow(1)
  }
  return { reader, builder, insert, ids }
}

test('a transaction within which the server crashed, as the next file tells, leaves nothing', () => {
  const { reader, builder, insert, ids } = readerOf()
  reader.accept(gtid(1))
  insert('whole')
  reader.accept(event('xid'))
  reader.accept(gtid(2))
  insert('lost')
  expect(reader.accept(event('format'))).toBeNull()
  expect(reader.openId).toBeNull()
  // The server gives the number to another one.
  reader.accept(gtid(2))
  insert('next')
  reader.accept(event('xid'))
  expect(builder.takeCommitted().changes).toMatchObject([{ key: ['whole'] }, { key: ['next'] }])
  expect(ids).toMatchObject([{ sequence: 1n }, { sequence: 2n }])
})

test('of such a transaction that came in pieces nobody can take them back: everything is read again', () => {
  const { reader, builder, insert, ids } = readerOf()
  reader.accept(gtid(1))
  insert('given out')
  reader.takePiece()
  insert('lost')
  expect(reader.accept(event('format'))).toMatchObject({ kind: 'lost-everything' })
  expect(reader.openId).toBeNull()
  expect(builder.takeCommitted().changes).toEqual([])
  // Who said that it was read would never be sent the one that is given its number.
  expect(ids).toEqual([])
})
