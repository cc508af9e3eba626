import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluate } from '../../examples/vendor-match/evaluate.ts'
import { Session } from '../../src/state/session.ts'
import { mysqlServers } from '../support/mysql.ts'
import { testDatabase } from '../support/postgres.ts'
import {
  matchedPairs,
  startVendorMatch,
  warehouseContent,
  type Finished,
  type VendorMatchSystem,
} from '../support/vendor-match.ts'

const minutes = 60_000

/** A warehouse whose tables were dropped has counted one model version more. */
const withoutModel = (line: string): string => line.replace(/"model": \d+/, '')

describe.each(mysqlServers)('vendor-match on $flavour', (server) => {
  let system: VendorMatchSystem
  let first: Finished
  let content: string[]
  const url = (): string => system.database?.url ?? ''
  beforeAll(async () => {
    system = await startVendorMatch({ server, internal: 20_000, vendor: 3_000 })
    first = await system.run('run', '--snapshot')
    content = await warehouseContent(url())
  }, 3 * minutes)
  afterAll(() => system.close())

  it('matches every vendor user of clean data and none wrongly', async () => {
    expect(first).toMatchObject({ code: 0 })
    const { all } = evaluate({ matches: await matchedPairs(url()), truth: system.data.truth })
    expect(all).toEqual({ expected: 3_000, found: 3_000, correct: 3_000, precision: 1, recall: 1, f1: 1 })
  })

  it('prints the report with its four headings and nothing else on stdout', () => {
    const lines = first.stdout.split('\n')
    expect(lines[0]).toMatch(/^Elapsed Time: \d+ minutes, \d+ seconds$/)
    expect(lines[1]).toBe('Total Matches: 3000')
    expect(lines[2]).toBe('Sample Output:')
    const sample = lines.slice(3, 13).map((line) => JSON.parse(line) as Record<string, unknown>)
    for (const row of sample) expect(row).toMatchObject({ model: 1 })
    expect(lines[13]).toBe('SQL DDL:')
    expect(lines[14]).toBe('create table warehouse.user_match (')
  })

  it('mirrors every row of both sides', () => {
    const count = (table: string): number => content.filter((line) => line.startsWith(`${table} `)).length
    expect(count('internal_user')).toBe(20_000)
    expect(count('internal_practice')).toBe(100)
    expect(count('vendor_user')).toBe(3_000)
  })

  it(
    'leaves the warehouse byte-identical when it is run again',
    async () => {
      expect(await system.run('run', '--snapshot')).toMatchObject({ code: 0 })
      expect(await warehouseContent(url())).toEqual(content)
    },
    minutes,
  )

  it(
    'fills a fresh warehouse with the same',
    async () => {
      const used = system.database
      system.database = await testDatabase()
      expect(await system.run('--snapshot')).toMatchObject({ code: 0 })
      expect(await warehouseContent(url())).toEqual(content)
      await system.database.drop()
      system.database = used
    },
    minutes,
  )

  it(
    'reads anew what somebody dropped, and what is looked for in another schema',
    async () => {
      const session = await Session.connect({ url: url(), applicationName: 'test' })
      for (const drop of ['drop table warehouse.vendor_user cascade', 'drop schema warehouse cascade']) {
        await session.query(drop)
        expect(await system.run('--snapshot')).toMatchObject({ code: 0 })
        expect((await warehouseContent(url())).map(withoutModel)).toEqual(content.map(withoutModel))
        expect(await matchedPairs(url())).toHaveLength(3_000)
      }
      await session.close()
      content = await warehouseContent(url())
    },
    2 * minutes,
  )

  it(
    'moves only the active flags when the day changes',
    async () => {
      const later = await system.run('--snapshot', '--as-of', '2017-02-20')
      expect(later).toMatchObject({ code: 0 })
      const changed = (await warehouseContent(url())).filter((line, i) => line !== content[i])
      expect(changed.length).toBeGreaterThan(100)
      expect(changed.every((line) => /^(as_of|user_match) /.test(line))).toBe(true)
      expect(await system.run('--snapshot')).toMatchObject({ code: 0 })
      expect(await warehouseContent(url())).toEqual(content)
    },
    2 * minutes,
  )

  it(
    'equals a fresh warehouse after changes and deletions on both sides, once deletions at the vendor are proven',
    async () => {
      const { simulator, schema } = system
      await schema.execute(`update user set lastname = 'Zebra', specialty = null where id % 97 = 0`)
      await schema.execute(`delete from user where id % 89 = 0`)
      await schema.execute(`insert into user (id, practice_id, firstname, lastname, specialty, last_active_date)
      values (-7, 3, 'Ada', 'Quagga', 'Urology', '2017-01-09'), (2000000001, null, null, null, null, null)`)
      await schema.execute(`update user_practice set location = 'elsewhere' where id in (5, 6)`)
      const ids = [...simulator.users()].map(({ id }) => id)
      for (const id of ids.filter((_, i) => i % 50 === 0)) simulator.remove(id)
      for (const id of ids.filter((_, i) => i % 50 === 1))
        simulator.update(id, { lastname: 'Okapi', specialty: null })
      simulator.insert(
        {
          id: 900_001,
          firstname: 'Ada',
          lastname: 'Quagga',
          practice_location: 'x',
          specialty: 'Urology',
          last_active_date: '2017-01-01',
          user_type_classification: 'Leader',
        },
        0,
      )

      const second = await system.run('--snapshot')
      expect(second).toMatchObject({ code: 0 })
      expect(second.stderr).toContain('60 records not seen this time, kept until another run confirms it')
      const pending = await warehouseContent(url())
      const third = await system.run('--snapshot')
      expect(third.stderr).not.toContain('not seen this time')
      const settled = await warehouseContent(url())

      const used = system.database
      system.database = await testDatabase()
      expect(await system.run('--snapshot')).toMatchObject({ code: 0 })
      const fresh = (await warehouseContent(url())).map(withoutModel)
      await system.database.drop()
      system.database = used
      expect(settled.map(withoutModel)).toEqual(fresh)
      const gone = pending.filter((line) => line.startsWith('vendor_user ')).length
      expect(gone).toBe(fresh.filter((line) => line.startsWith('vendor_user ')).length + 60)
    },
    4 * minutes,
  )
})

describe.each(mysqlServers)('vendor-match with 100,000 × 15,000 users on $flavour', (server) => {
  it(
    'matches every vendor user of clean data and none wrongly',
    async () => {
      const system = await startVendorMatch({ server, internal: 100_000, vendor: 15_000, seed: 2 })
      try {
        expect(await system.run('run', '--snapshot')).toMatchObject({ code: 0 })
        const { all } = evaluate({
          matches: await matchedPairs(system.database?.url ?? ''),
          truth: system.data.truth,
        })
        expect(all).toMatchObject({ expected: 15_000, found: 15_000, correct: 15_000 })
      } finally {
        await system.close()
      }
    },
    5 * minutes,
  )
})

describe('the embedded warehouse', () => {
  it(
    'is re-created from the sources when its folder is deleted',
    async () => {
      const [server] = mysqlServers
      if (!server) throw new Error('no MySQL server')
      const system = await startVendorMatch({ server, internal: 2_000, vendor: 300, embedded: true })
      try {
        const before = await system.run('--snapshot')
        expect(before).toMatchObject({ code: 0 })
        await rm(join(system.folder, '.syncline'), { recursive: true })
        const after = await system.run('--snapshot')
        expect(after).toMatchObject({ code: 0 })
        const withoutTimes = ({ stdout }: Finished): string =>
          stdout.replace(/^Elapsed.*/m, '').replaceAll(/"(matched|updated)_at":"[^"]*"/g, '')
        expect(withoutTimes(after)).toBe(withoutTimes(before))
      } finally {
        await system.close()
      }
    },
    2 * minutes,
  )
})
