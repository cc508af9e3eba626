import { expect, test } from 'vitest'
import type { Connection } from '../../../src/cdc/connection.ts'
import { checkStart } from '../../../src/cdc/tail/log-start.ts'

/** A log of more than 4 GiB would take a real server minutes to write. */
const connection = {
  server: { flavour: 'mysql', gtidMode: 'OFF', identity: 'a' },
  address: 'db:3306',
  query: () => Promise.resolve([{ Log_name: 'binlog.000001', File_size: '9000000000' }]),
} as unknown as Connection

const at = (offset: number) => ({ kind: 'file', server: 'a', file: 'binlog.000001', offset }) as const

test('a place beyond what the protocol can ask for is read anew, not asked for at another', async () => {
  await expect(checkStart(connection, at(2 ** 32 - 1))).resolves.toBeUndefined()
  await expect(checkStart(connection, at(2 ** 32))).rejects.toMatchObject({
    code: 'log-purged',
    message: expect.stringContaining('binlog.000001:4294967296') as string,
  })
})
