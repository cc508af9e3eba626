import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { MatchPlan } from '../../src/warehouse/match-plan.ts'
import { analyze } from '../../src/warehouse/statistics.ts'
import { life, person, schemas, user } from '../support/life.ts'
import { peoplePlan } from '../support/people-match.ts'
import { databasePerTest } from '../support/postgres.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

describe('changes of configuration and warehouse', () => {
  const database = databasePerTest()
  const matched = async (): Promise<string[]> =>
    (
      await database.admin.query("select person_id || '-' || user_id from warehouse.person_match order by 1")
    ).map(([text]) => text ?? '')

  const otherPlan: MatchPlan = {
    ...peoplePlan,
    right: {
      ...peoplePlan.right,
      fields: new Map([...peoplePlan.right.fields].filter(([f]) => f !== 'location')),
    },
  }

  it('a configuration that is changed, cut short and changed back loses no change', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')])
    expect(await matched()).toEqual(['1-1'])
    await life(
      database.url,
      [otherPlan],
      [person('2', 'bob', 'day'), user('2', 'bob', 'day'), { kind: 'delete', stream: 'person', key: ['1'] }],
      { killed: true },
    )
    await life(database.url, [peoplePlan], [person('2', 'bob', 'day'), user('2', 'bob', 'day')])
    expect(await matched()).toEqual(['2-2'])
  })

  it('a match that is taken out of the configuration and put back loses no change', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')])
    await life(
      database.url,
      [],
      [person('2', 'bob', 'day'), user('2', 'bob', 'day'), { kind: 'delete', stream: 'person', key: ['1'] }],
    )
    await life(database.url, [peoplePlan], [])
    expect(await matched()).toEqual(['2-2'])
  })

  it('the mirror of a stream that is not configured any more may be dropped', async () => {
    await life(database.url, [], schemas)
    await database.admin.query('drop table warehouse.practice')
    await life(database.url, [], [], { during: ({ session, state }) => analyze(session, state) })
  })

  it('a pair that a reviewer decided on fits the matched table', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')])
    await database.admin.query('update syncline.match_pair set score = 2147483647')
    await life(database.url, [peoplePlan], [])
    expect(await matched()).toEqual(['1-1'])
  })

  it('owning the schemas is enough', async () => {
    const role = `limited_${randomBytes(9).toString('hex')}`
    await database.admin.query(`create role ${role} login password 'x'`)
    await database.admin.query(
      `create schema syncline authorization ${role}; create schema warehouse authorization ${role}`,
    )
    try {
      const url = new URL(database.url)
      url.username = role
      url.password = 'x'
      const warehouse = await openTestWarehouse(url.toString(), [])
      await warehouse.close()
    } finally {
      await database.admin.query(`drop owned by ${role} cascade; drop role ${role}`)
    }
  })

  it('activity over a column that is no date', async () => {
    const plan = { ...peoplePlan, activity: { field: 'location', days: 30 } }
    const error: unknown = await life(
      database.url,
      [plan],
      [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')],
    ).catch((e: unknown) => e)
    expect((error as Error | undefined)?.constructor.name).toBe('OperatorError')
  })

  it('the error of a statement that nobody waited for is the one that is reported', async () => {
    const error: unknown = await database.admin
      .transaction(async () => {
        database.admin.background(database.admin.query('select * from no_permission_or_disk_full'))
        await database.admin.query('select 1')
      })
      .catch((e: unknown) => e)
    expect((error as Error).message).toContain('no_permission_or_disk_full')
  })

  it('plans are kept again after they were given up, as when a version is built and published', async () => {
    const { admin } = database
    for (const [round, text] of ['select 1', 'select 2', 'select 3'].entries()) {
      await admin.keepPlans(true)
      expect(await admin.one(text)).toEqual([String(round + 1)])
      expect(await admin.one(text)).toEqual([String(round + 1)])
      await admin.keepPlans(false)
    }
  })

  it('the error of a statement that failed is reported, not of those sent behind it', async () => {
    const { admin } = database
    const error: unknown = await admin
      .transaction(async () => {
        const failing = admin.query('select * from no_permission_or_disk_full')
        admin.background(admin.query('select 1'))
        await failing
      })
      .catch((e: unknown) => e)
    expect((error as Error).message).toContain('no_permission_or_disk_full')
  })

  it('what a transaction that failed has begun is over before the next', async () => {
    const { admin } = database
    const failed = admin.transaction(() => {
      const piece = admin.query('select 1').then(() => {
        admin.background(admin.query('select * from no_permission_or_disk_full'))
      })
      admin.background(piece)
      return Promise.reject(new Error('meanwhile'))
    })
    await expect(failed).rejects.toThrow()
    expect(await admin.transaction(() => admin.one('select 1'))).toEqual(['1'])
  })
})
