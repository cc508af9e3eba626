import { describe, expect, test } from 'vitest'
import { Alterations } from '../../../src/cdc/tail/alterations.ts'
import { BatchBuilder } from '../../../src/cdc/tail/batch-builder.ts'
import type { FollowedTable } from '../../../src/cdc/tail/followed-table.ts'
import { FollowedTables } from '../../../src/cdc/tail/followed-tables.ts'
import type { Shape } from '../../../src/cdc/tail/shape.ts'
import { TableReadings } from '../../../src/cdc/tail/table-readings.ts'
import type { Chunk } from '../../../src/cdc/chunk.ts'
import type { Reader } from '../../../src/cdc/reader.ts'
import type { LogPosition } from '../../../src/cdc/log-position.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { OperatorError, TransientError } from '../../../src/runtime/errors.ts'

const shape = {
  ...{ table: { stream: 't', columns: [], key: { columns: [] } }, fingerprint: '' },
  described: { columns: [], indexes: [] },
} as unknown as Shape

function followedTables(): FollowedTables {
  const captured = {
    stream: 't',
    name: { schema: 's', name: 't' },
    columns: null,
    key: null,
    policy: 'evolve',
  }
  const tables = new FollowedTables([captured as unknown as FollowedTable['captured']])
  for (const table of tables.all) table.adopt(shape)
  return tables
}

function tableOf(tables = followedTables()): FollowedTable {
  const table = tables.ofStream('t')
  if (table === null) throw new Error('there is no table')
  return table
}

/** Without a server: what is tested is what comes of its answers, whenever they come. */
function readingsOf({
  readChunk,
  onSettled,
  onHeld = () => undefined,
}: {
  readChunk: Reader['readChunk']
  onSettled: () => void
  onHeld?: (table: FollowedTable, why: string | null) => void
}): TableReadings {
  return new TableReadings({
    reader: { readChunk, run: () => Promise.resolve(null) } as unknown as Reader,
    describe: () => Promise.resolve({ shape, high: { kind: 'none' } }),
    barrier: () => Promise.resolve(null),
    onHeld,
    onUnreadable: () => undefined,
    onRows: () => undefined,
    onRead: () => undefined,
    ...{ onSettled, clock: systemClock, mostTouched: 2, zeroDates: 'reject' },
  })
}

describe('the reading of a table beside the log', () => {
  test.each([
    ['table-changed', 'the table is not what it was'],
    ['server-gone', 'the link was lost'],
  ])('does not hold the log when a chunk fails (%s) and nobody takes a step', async (code, message) => {
    const table = tableOf()
    table.state = 'reading'
    let fail: () => void = () => undefined
    const failing = new Promise<never>((_, reject) => {
      fail = () => {
        reject(new OperatorError({ code, message, hint: '', area: 'data' }))
      }
    })
    let settle: () => void = () => undefined
    const settled = new Promise<void>((resolve) => {
      settle = resolve
    })
    const readings = readingsOf({ readChunk: () => failing, onSettled: settle })
    readings.resume(table, { run: 1, state: 'running', lastKey: null, rows: 0, fingerprint: '' })
    const builder = new BatchBuilder()
    readings.step({ position: () => ({ kind: 'none' }), builder, run: 1 })
    const changes = ['1', '2', '3'].map((id) => ({ kind: 'delete' as const, stream: 't', key: [id] }))
    readings.current?.noteAll({ changes, rejected: [] })
    expect(readings.holdsLog).toBe(true)
    fail()
    await settled
    expect(readings.holdsLog).toBe(false)
  })

  test('goes on, and says why it waits, while the server does not end a transaction', async () => {
    const table = tableOf()
    table.state = 'reading'
    const chunk = { rows: [], rejected: [], lastKey: null, done: true, bytes: 0, high: { kind: 'none' } }
    const held = new TransientError({ code: 'gtid-held', message: 'transaction x:7 has not ended', hint: '' })
    const answers = [() => Promise.reject(held), () => Promise.resolve(chunk as unknown as Chunk)]
    const told: (string | null)[] = []
    let settle: () => void = () => undefined
    const readings = readingsOf({
      readChunk: () => answers.shift()?.() ?? Promise.reject(new Error('it was read once too often')),
      onHeld: (_, why) => told.push(why),
      onSettled: () => {
        settle()
      },
    })
    readings.resume(table, { run: 1, state: 'running', lastKey: null, rows: 0, fingerprint: '' })
    const builder = new BatchBuilder()
    while (readings.current !== null) {
      const settled = new Promise<void>((resolve) => (settle = resolve))
      if (!readings.step({ position: () => ({ kind: 'none' }), builder, run: 1 })) await settled
    }
    expect(told).toEqual(['transaction x:7 has not ended', null])
    expect(table.state).toBe('followed')
  })

  test.each([0, 1, 2])('is done once when what was read of it is void after step %i', async (voided) => {
    const table = tableOf()
    const chunk = { rows: [], rejected: [], lastKey: null, done: true, bytes: 0, high: { kind: 'none' } }
    let settle: () => void = () => undefined
    const readings = readingsOf({
      readChunk: () => Promise.resolve(chunk as unknown as Chunk),
      onSettled: () => {
        settle()
      },
    })
    const readAgain = (): void => {
      table.alterations++
      table.state = 'unread'
      readings.request(table)
    }
    const builder = new BatchBuilder()
    readAgain()
    for (let step = 0; readings.isMirroring; step++) {
      const settled = new Promise<void>((resolve) => (settle = resolve))
      const isOver = !readings.step({ position: () => ({ kind: 'none' }), builder, run: 1 })
      if (step === voided) readAgain()
      if (isOver) await settled
    }
    const ends = builder.changes.filter(({ kind }) => kind === 'resync-end')
    expect(ends).toHaveLength(1)
  })

  test('does not compare rows that were read before the table was emptied', async () => {
    const tables = followedTables()
    const table = tableOf(tables)
    table.state = 'followed'
    let settle: () => void = () => undefined
    const settled = new Promise<void>((resolve) => (settle = resolve))
    const row = { key: ['1'], row: { id: '1' } }
    const chunk = { rows: [row], rejected: [], lastKey: null, done: true, bytes: 0, high: { kind: 'none' } }
    const readings = readingsOf({
      readChunk: () => Promise.resolve(chunk as unknown as Chunk),
      onSettled: settle,
    })
    const builder = new BatchBuilder()
    const alterations = new Alterations({
      ...{ tables, readings, builder, zeroDates: 'reject' },
      describe: () => Promise.resolve(shape),
      decode: () => Promise.resolve(null),
      run: () => 1,
      log: silentLogger,
    })
    readings.request(table, 'audit')
    const position = (): LogPosition => ({ kind: 'none' })
    readings.step({ position, builder, run: 1 })
    await settled
    expect(builder.takeCommitted().audit).toMatchObject({ first: true })
    await alterations.apply({ kind: 'statement', schema: 's', sql: 'truncate table t', encoded: null })
    readings.step({ position, builder, run: 1 })
    expect(builder.audit).toMatchObject({ first: true, rows: [] })
  })
})
