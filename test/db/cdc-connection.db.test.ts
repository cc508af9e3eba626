import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Connection } from '../../src/cdc/connection.ts'
import { TransientError } from '../../src/runtime/errors.ts'
import { FlakyLink } from '../support/flaky-link.ts'
import { mysqlServers } from './cdc-fixture.ts'

describe.each(mysqlServers)('a connection to $flavour', ({ url }) => {
  test('that is lost is not kept by the signal it was opened with', async () => {
    const link = await FlakyLink.before(url)
    const { signal } = new AbortController()
    const connection = await Connection.open({ url: link.url, signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    const waiting = connection.query('select sleep(60)')
    link.cut()
    await expect(waiting).rejects.toBeInstanceOf(TransientError)
    expect(connection.isClosed).toBe(true)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await link.close()
  })
})
