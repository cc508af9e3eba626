import { describe, expect, onTestFinished, test } from 'vitest'
import { Reader } from '../../src/cdc/reader.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { StoppingError, TransientError } from '../../src/runtime/errors.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { mysqlServers } from './cdc-fixture.ts'

describe.each(mysqlServers)('a reader of $flavour', ({ url }) => {
  function open(): Reader {
    const reader = new Reader({
      ...{ connect: { url }, chunkRows: 10, chunkBytes: 1_000, log: silentLogger, clock: systemClock },
      retryPolicy: { attempts: 3, baseMs: 1, maxMs: 1 },
      signal: new AbortController().signal,
    })
    onTestFinished(() => {
      reader.close()
    })
    return reader
  }

  test('does again what was under way when another who shares its connection lost it', async () => {
    const reader = open()
    let [attempts, failures] = [0, 0]
    const slow = reader.run(async (connection) => {
      attempts++
      await connection.query('select sleep(.2)')
      return connection.query('select 1 as one')
    })
    const failing = reader.run((connection) => {
      if (failures++ > 0) return connection.query('select 2 as two')
      throw new TransientError({ code: 'test', message: 'it clashed', hint: '' })
    })
    expect(await failing).toEqual([{ two: '2' }])
    expect(await slow).toEqual([{ one: '1' }])
    expect(attempts).toBe(2)
  })

  test('opens one connection for all who run at once', async () => {
    const reader = open()
    const run = () => reader.run((connection) => connection.query('select connection_id() as id'))
    const [one, other] = await Promise.all([run(), run()])
    expect(one).toEqual(other)
  })

  test('that was closed opens no other connection', async () => {
    const reader = open()
    const slow = reader.run((connection) => connection.query('select sleep(60)'))
    const refused = expect(slow).rejects.toBeInstanceOf(StoppingError)
    await reader.run(() => Promise.resolve())
    reader.close()
    await refused
  })
})
