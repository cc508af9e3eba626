import { describe, expect, test } from 'vitest'
import { BatchBuilder } from '../../../src/cdc/tail/batch-builder.ts'
import { FollowedTable } from '../../../src/cdc/tail/followed-table.ts'
import type { Shape } from '../../../src/cdc/tail/shape.ts'
import { TableReadings } from '../../../src/cdc/tail/table-readings.ts'
import type { Reader } from '../../../src/cdc/reader.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { OperatorError } from '../../../src/runtime/errors.ts'

describe('the reading of a table beside the log', () => {
  test.each([
    ['table-changed', 'the table is not what it was'],
    ['server-gone', 'the link was lost'],
  ])('does not hold the log when a chunk fails (%s) and nobody takes a step', async (code, message) => {
    const table = new FollowedTable({
      ...{ stream: 't', name: { schema: 's', name: 't' }, columns: null, key: null, policy: 'evolve' },
    } as unknown as FollowedTable['captured'])
    table.adopt({ table: { stream: 't' } } as unknown as Shape)
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
    const readings = new TableReadings({
      // Stands in for a server: what is tested is what comes of its failure.
      reader: { readChunk: () => failing } as unknown as Reader,
      describe: () => Promise.reject(new Error('nobody asks')),
      barrier: () => Promise.resolve(null),
      onUnreadable: () => undefined,
      onRows: () => undefined,
      onRead: () => undefined,
      onSettled: settle,
      ...{ clock: systemClock, mostTouched: 2, zeroDates: 'reject' },
    })
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
})
