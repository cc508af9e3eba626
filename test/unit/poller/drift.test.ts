import { Writable } from 'node:stream'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Mirror } from '../../support/mirror.ts'
import { startVendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { sweptVendor } from '../../support/swept-vendor.ts'
import { sweepInto, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

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
