import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mysqlServers } from '../support/mysql.ts'
import { testDatabase } from '../support/postgres.ts'
import { startVendorMatch, warehouseContent } from '../support/vendor-match.ts'

const minutes = 60_000
const kills = 6

describe.each(mysqlServers)('a run on $flavour that is killed at random moments and run again', (server) => {
  it.each([1, 2])(
    'ends with what an uninterrupted run ends with (seed %i)',
    async (seed) => {
      const system = await startVendorMatch({
        server,
        internal: 4_000,
        vendor: 1_000,
        dirty: true,
        seed,
        pageSize: 50,
        latencyMs: 20,
        chunkRows: 100,
      })
      try {
        expect((await system.run('--snapshot')).code).toBe(0)
        const uninterrupted = await warehouseContent(system.database?.url ?? '')
        await system.database?.drop()
        system.database = await testDatabase()

        for (const waitMs of fc.sample(fc.integer({ min: 300, max: 1_800 }), { seed, numRuns: kills })) {
          const { process: child, finished } = system.start('--snapshot')
          await delay(waitMs)
          child.kill('SIGKILL')
          await finished
        }
        const last = await system.run('--snapshot')
        expect(last).toMatchObject({ code: 0 })
        expect(await warehouseContent(system.database.url)).toEqual(uninterrupted)
      } finally {
        await system.close()
      }
    },
    4 * minutes,
  )
})

describe('a run with the embedded warehouse that is killed', () => {
  it(
    'leaves a server behind that the next run adopts, and nothing is lost',
    async () => {
      const [server] = mysqlServers
      if (!server) throw new Error('no MySQL server')
      const system = await startVendorMatch({
        server,
        internal: 3_000,
        vendor: 500,
        embedded: true,
        chunkRows: 100,
        latencyMs: 50,
        pageSize: 50,
      })
      try {
        for (const waitMs of [1_500, 2_500]) {
          const { process: child, finished } = system.start('--snapshot')
          await delay(waitMs)
          child.kill('SIGKILL')
          await finished
        }
        const last = await system.run('--snapshot')
        expect(last).toMatchObject({ code: 0 })
        expect(last.stdout).toContain('Total Matches: 500')
      } finally {
        await system.close()
      }
    },
    3 * minutes,
  )
})
