import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/runtime/clock.ts'
import { FencedError } from '../../src/runtime/errors.ts'
import { acquireLease, beat, fence, termSessionName, type LeaseOptions } from '../../src/state/lease.ts'
import { migrate } from '../../src/state/migrate.ts'
import { Session } from '../../src/state/session.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'

describe('the lease', () => {
  let database: TestDatabase
  let admin: Session
  const open = (applicationName: string): Promise<Session> =>
    Session.connect({ url: database.url, applicationName })
  const options = (over: Partial<LeaseOptions> = {}): LeaseOptions => ({
    holder: 'test',
    expiryMs: 60_000,
    waitMs: 0,
    clock: systemClock,
    signal: new AbortController().signal,
    ...over,
  })
  beforeAll(async () => {
    database = await testDatabase()
    admin = await open('admin')
    await migrate(admin)
  })
  afterAll(async () => {
    await admin.close()
    await database.drop()
  })

  it('is refused while the holder lives, and names it', async () => {
    const holder = await open('holder')
    await acquireLease(holder, options({ holder: 'the first' }))
    await expect(acquireLease(admin, options())).rejects.toThrow('the first')
    await holder.close()
  })

  it('passes on at once when the sessions of the holder are gone, as after a kill -9', async () => {
    const holder = await open('holder')
    const term = await acquireLease(holder, options({ waitMs: 5_000 }))
    await holder.close()
    const next = await open('next')
    expect(await acquireLease(next, options({ waitMs: 5_000 }))).toBe(term + 1n)
    await next.close()
  })

  it('passes on when the heartbeat expires; the old term is ended and can never commit', async () => {
    const holder = await open('holder')
    const term = await acquireLease(holder, options({ waitMs: 5_000 }))
    const paused = await open(termSessionName(term))
    await admin.query('create table if not exists kept (n integer)')
    await paused.query('begin')
    await paused.query('insert into kept values (1)')
    await fence(paused, term)
    const taker = await open('taker')
    const next = await acquireLease(taker, options({ expiryMs: -1 }))
    expect(next).toBe(term + 1n)
    await expect(paused.query('commit')).rejects.toThrow()
    expect(await admin.query('select * from kept')).toEqual([])
    expect(await beat(admin, term)).toBe(false)
    expect(await beat(admin, next)).toBe(true)
    await expect(fence(admin, term)).rejects.toBeInstanceOf(FencedError)
    for (const session of [holder, paused, taker]) await session.close()
  })

  it('goes to exactly one of many that ask at once', async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, (_, i) => open(`candidate ${i}`)))
    const terms = await Promise.all(
      sessions.map((session) => acquireLease(session, options({ waitMs: 400 })).catch(() => null)),
    )
    expect(terms.filter((term) => term !== null)).toHaveLength(1)
    for (const session of sessions) await session.close()
  })
})
