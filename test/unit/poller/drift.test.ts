import { Writable } from 'node:stream'
import { pino } from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ChangeBatch } from '../../../src/changes/change-batch.ts'
import { judgeShape, learnShape, PageShape } from '../../../src/poller/page-shape.ts'
import type { HttpSource } from '../../../src/poller/source.ts'
import { manualSchedule } from '../../support/followed-source.ts'
import { Mirror } from '../../support/mirror.ts'
import { startVendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { sweptVendor } from '../../support/swept-vendor.ts'
import {
  sweepInto,
  vendorColumns,
  vendorSource,
  vendorUser,
  vendorUsers,
} from '../../support/vendor-source.ts'

const vendor = sweptVendor({ users: 42, pageSize: 20 })
const { sweep } = vendor

/** Serves all users as they look to the vendor from now on. */
function serve(shape: (user: ReturnType<typeof vendorUser>) => object): void {
  vendor.simulator.setUsers(vendorUsers(42).map((user) => JSON.stringify(shape(user))))
}

const lastnames = (): (string | null | undefined)[] =>
  vendor.mirror.rows('vendor_user').map((row) => row['lastname'])

describe('records that change their shape', () => {
  test('by a new member are taken in, and it is said once', async () => {
    const lines: string[] = []
    const sink = new Writable({
      write(chunk: Buffer, _, done) {
        lines.push(chunk.toString())
        done()
      },
    })
    const log = pino({ level: 'warn' }, sink)
    await sweep({ log })
    serve((user) => ({ ...user, email: 'x@example.org' }))
    for (let run = 0; run < 3; run++) await sweep({ log })
    expect(lines.filter((line) => line.includes('"members":["email"]'))).toHaveLength(1)
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(42)
  })

  test.each([
    [
      'lack a column',
      (user: ReturnType<typeof vendorUser>) => ({ ...user, lastname: undefined }),
      /20 of 20 records lack the column lastname, on no page more than 0% did/,
    ],
    [
      'have another type in it',
      (user: ReturnType<typeof vendorUser>) => ({ ...user, lastname: { first: 'a' } }),
      /20 of 20 records have another type in the column lastname/,
    ],
  ])('so that many %s stop the source before anything of it is taken in', async (_, shape, message) => {
    await sweep()
    serve(shape)
    await expect(sweep()).rejects.toMatchObject({
      code: 'schema-drift',
      area: 'data',
      message: expect.stringMatching(message) as string,
    })
    expect(lastnames()).not.toContain(null)
    expect(vendor.mirror.rejected).toEqual([])
    serve((user) => user)
    await sweep()
    expect(lastnames()).toHaveLength(42)
  })

  test('on purpose are taken in once somebody says so, and then always', async () => {
    await sweep()
    serve((user) => ({ ...user, lastname: undefined }))
    const drift = { missing: 'null', retyped: 'reject', maxShare: 1 } as const
    await sweep({ drift })
    expect(new Set(lastnames())).toEqual(new Set([null]))
    vendor.simulator.insert(vendorUser(100))
    await sweep()
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(43)
  })

  test('in a few are none: columns may be sparse, and gathered by the order', async () => {
    serve(({ lastname, ...user }) => (user.id > 20 ? user : { ...user, lastname }))
    await sweep()
    vendor.simulator.setUsers([...vendor.simulator.users()].reverse())
    await sweep()
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(42)
    expect(vendor.mirror.rejected).toEqual([])
  })

  describe('and that lack a column in one half of the order', () => {
    /** One life of the process, that ends behind the commit of the first page. */
    async function readFirstPage(
      source: HttpSource,
      isFirst: (batch: ChangeBatch) => boolean,
    ): Promise<void> {
      const { mirror } = vendor
      const { signal } = new AbortController()
      for await (const batch of source.open({ after: mirror.position, ledger: mirror.ledger(), signal })) {
        mirror.apply(batch)
        if (isFirst(batch)) break
      }
      await source.close()
    }

    beforeEach(async () => {
      serve(({ lastname, ...user }) => (user.id > 20 ? user : { ...user, lastname }))
      await sweep()
    })

    test('do not stop a source that is opened again in the first sweep with other columns', async () => {
      const columns = [...vendorColumns, { name: 'email', type: 'text' }]
      const source = vendorSource(vendor.simulator, { columns, concurrency: 1 })
      await readFirstPage(source, ({ after }) => after.includes('"page":1'))
      await sweep({ columns })
      expect(vendor.mirror.rows('vendor_user')).toHaveLength(42)
    })

    test('do not stop a source that is opened again in a resync', async () => {
      const { startSchedule } = manualSchedule()
      const source = vendorSource(vendor.simulator, { follow: true, startSchedule, concurrency: 1 })
      source.resync?.('vendor_user')
      let isBegun = false
      await readFirstPage(source, ({ after, changes }) => {
        isBegun ||= changes.some(({ kind }) => kind === 'resync-begin')
        return isBegun && after.includes('"page":1')
      })
      await sweep()
      expect(vendor.mirror.rows('vendor_user')).toHaveLength(42)
    })

    test('stop it when a whole page lacks another one', async () => {
      serve(({ specialty, ...user }) => (user.id > 20 ? user : { ...user, specialty }))
      await expect(sweep()).rejects.toMatchObject({ code: 'schema-drift' })
    })
  })

  test('vary by chance on a small page, and stop nothing', () => {
    const known = { missing: { lastname: 400 }, retyped: {}, unknown: [] }
    const page = (lacking: number, records: number): PageShape => {
      const shape = new PageShape()
      shape.records = records
      for (let record = 0; record < lacking; record++) shape.note('missing', 'lastname')
      return shape
    }
    expect(learnShape(known, page(9, 12)).known.missing).toEqual({ lastname: 750 })
    judgeShape(known, page(9, 12), { where: 'here', maxShare: 0.2 })
    expect(() => {
      judgeShape(known, page(750, 1000), { where: 'here', maxShare: 0.2 })
    }).toThrow('750 of 1000 records lack')
  })

  test('stop it when a few of each small page do, page after page, and however often it is tried again', async () => {
    vendor.simulator.pageSize = 10
    await sweep()
    serve((user) => (user.id % 4 === 0 ? { ...user, lastname: undefined } : user))
    for (let run = 0; run < 3; run++) {
      await expect(sweep()).rejects.toMatchObject({ code: 'schema-drift' })
    }
    expect(lastnames().filter((name) => name === null).length).toBeLessThan(8)
    await sweep({ drift: { missing: 'null', retyped: 'reject', maxShare: 0.5 } })
    expect(lastnames().filter((name) => name === null)).toHaveLength(10)
    serve((user) => (user.id % 4 === 0 ? { ...user, lastname: undefined, firstname: 'Lean' } : user))
    await sweep()
  })

  test('of one page, read again and again, count once', async () => {
    vendor.simulator.pageSize = 10
    await sweep()
    for (let run = 0; run < 5; run++) {
      serve((user) => (user.id < 4 ? { ...user, lastname: undefined, firstname: `Lean ${run}` } : user))
      await sweep()
    }
  })

  test.each([4, 7, 9])('are learnt of pages of %i records, too', async (pageSize) => {
    vendor.simulator.pageSize = pageSize
    serve((user) => (user.id % 5 === 0 ? user : { ...user, specialty: undefined }))
    for (let run = 0; run < 2; run++) await sweep()
    serve((user) => (user.id % 5 === 0 ? user : { ...user, specialty: undefined, firstname: 'Lean' }))
    await sweep()
    serve((user) => ({ ...user, lastname: undefined }))
    await expect(sweep()).rejects.toMatchObject({ code: 'schema-drift' })
  })

  test('are judged once everything was read, not before: a sweep that was cut short has not', async () => {
    serve((user) => (user.id > 20 ? { ...user, lastname: undefined } : user))
    vendor.simulator.faults.add({ kind: 'status', status: 404, pages: [2], times: 1 })
    await sweep({ totalPages: null, concurrency: 1 })
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(20)
    expect(await sweep({ totalPages: null })).toMatchObject({ upserts: 22 })
    expect(vendor.mirror.rows('vendor_user')).toHaveLength(42)
  })

  test('follow the policy of the stream', async () => {
    vendor.simulator.setUsers([
      JSON.stringify({ ...vendorUser(1), lastname: undefined }),
      JSON.stringify({ ...vendorUser(2), lastname: 5 }),
      vendorUser(3),
    ])
    const drift = { missing: 'reject', retyped: 'null', maxShare: 0.2 } as const
    await sweep({ drift })
    expect(vendor.mirror.rejected).toMatchObject([{ key: ['1'], code: 'missing-field' }])
    expect(lastnames()).toEqual([null, 'Baughman 3'])
  })
})

describe('another version of the API', () => {
  test('beside the old one is another stream; switching to it delivers only what differs', async () => {
    const next = await startVendorSimulator({ users: vendorUsers(42), pageSize: 7 })
    try {
      await sweep()
      next.update(5, { lastname: 'Lean' })
      const aside = new Mirror()
      await sweepInto(aside, vendorSource(next, { name: 'vendor_next', stream: 'vendor_user_next' }))
      expect(aside.rows('vendor_user_next')).toHaveLength(42)
      expect(await sweepInto(vendor.mirror, vendorSource(next))).toMatchObject({ upserts: 1, deletes: 0 })
      expect(vendor.mirror.rows('vendor_user')).toEqual(aside.rows('vendor_user_next'))
    } finally {
      await next.close()
    }
  })
})
