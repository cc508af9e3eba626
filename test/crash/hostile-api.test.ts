import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { mulberry32 } from '../../examples/vendor-match/simulator-hostile.ts'
import { Session } from '../../src/state/session.ts'
import { startHostile, type HostileSystem } from '../support/hostile.ts'
import { mysqlServers } from '../support/mysql.ts'
import { soakSeeds } from '../support/soak-seeds.ts'
import { vendorUser } from '../support/vendor-source.ts'

const minutes = 60_000
const kills = 6

/** Vendor users as the warehouse has them, one JSON text each. */
async function mirrored(system: HostileSystem): Promise<{ id: number; text: string }[]> {
  const session = await Session.connect({ url: system.database?.url ?? '', applicationName: 'test' })
  try {
    const rows = await session.query(
      'select id, firstname, lastname, last_active_date from warehouse.vendor_user order by id',
    )
    return rows.map((row) => ({ id: Number(row[0]), text: JSON.stringify(row) }))
  } finally {
    await session.close()
  }
}

function served(system: HostileSystem): string[] {
  return [...system.simulator.users()]
    .sort((a, b) => a.id - b.id)
    .map((user) =>
      JSON.stringify([
        String(user.id),
        ...[user.firstname, user.lastname, user.last_active_date].map((value) => value ?? null),
      ]),
    )
}

describe('runs against an API at its worst, killed at random moments', () => {
  it.each(soakSeeds([1, 2]))(
    'never take a live user for gone, and when it is over the mirror equals the API (seed %i)',
    async (seed) => {
      const [server] = mysqlServers
      if (!server) throw new Error('no MySQL server')
      const system = await startHostile({ server })
      const random = mulberry32(seed)
      try {
        const { simulator } = system
        simulator.setHostile(seed)
        for (let kill = 0; kill < kills; kill++) {
          const before = await mirrored(system)
          const users = [...simulator.users()]
          const changed = users[Math.floor(random() * users.length)]?.id ?? 0
          simulator.update(changed, { lastname: `Lean ${kill}` })
          simulator.insert(vendorUser(900_000 + kill), Math.floor(random() * users.length))
          simulator.remove(users[Math.floor(random() * users.length)]?.id ?? 0)
          const { process: child, finished } = system.start('run', '--snapshot')
          await delay(500 + random() * 1_500)
          child.kill('SIGKILL')
          await finished
          const after = new Set((await mirrored(system)).map(({ id }) => id))
          const alive = new Set([...simulator.users()].map(({ id }) => id))
          expect(before.filter(({ id }) => alive.has(id) && !after.has(id))).toEqual([])
        }
        simulator.setHostile(null)
        for (let run = 0; run < 3; run++) {
          expect(await system.run('run', '--snapshot')).toMatchObject({ code: 0 })
        }
        expect((await mirrored(system)).map(({ text }) => text)).toEqual(served(system))
      } finally {
        await system.close()
      }
    },
    4 * minutes,
  )
})
