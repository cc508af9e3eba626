import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { mysqlServers } from '../support/mysql.ts'
import { startVendorMatch, type SystemOptions } from '../support/vendor-match.ts'

const minutes = 60_000
const shortRuns = 5

/** Peak resident memory of one run, in MiB, as the kernel kept it. */
async function peakOf(options: SystemOptions): Promise<number> {
  const system = await startVendorMatch(options)
  try {
    const { process: child, finished } = system.start('run', '--snapshot')
    let peak = 0
    const watch = setInterval(() => {
      readFile(`/proc/${child.pid}/status`, 'utf8').then(
        (status) => (peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? peak * 1024) / 1024),
        () => undefined,
      )
    }, 50)
    expect(await finished).toMatchObject({ code: 0 })
    clearInterval(watch)
    return peak
  } finally {
    await system.close()
  }
}

describe('the memory of a snapshot', () => {
  it(
    'does not grow with the table: ten times the rows need at most a tenth more',
    async () => {
      const [server] = mysqlServers
      if (!server) throw new Error('no MySQL server')
      // A peak is the largest of many collections' leftovers, of which a long run has ten times as many as a short one: the
      // largest of several short runs is what it compares with.
      const peaks: number[] = []
      for (let run = 0; run < shortRuns; run++) {
        peaks.push(await peakOf({ server, internal: 60_000, vendor: 1_000 }))
      }
      const small = Math.max(...peaks)
      const large = await peakOf({ server, internal: 600_000, vendor: 1_000 })
      expect(small).toBeGreaterThan(50)
      expect(
        large / small,
        `${peaks.map(Math.round).join(', ')} and ${Math.round(large)} MiB`,
      ).toBeLessThanOrEqual(1.1)
    },
    8 * minutes,
  )
})
