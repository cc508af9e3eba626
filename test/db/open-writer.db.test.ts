import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { Releasers } from '../../src/runtime/releasers.ts'
import { openWriter, type Writer, type WriterOptions } from '../../src/warehouse/open-writer.ts'
import { FlakyLink } from '../support/flaky-link.ts'
import { databasePerTest } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = databasePerTest()
let link: FlakyLink
let releasers: Releasers
beforeEach(async () => {
  link = await FlakyLink.before(database.url)
  releasers = new Releasers()
})
afterEach(async () => {
  await releasers.release()
  await link.close()
})

const open = (over: Partial<WriterOptions> = {}): Promise<Writer> =>
  openWriter({
    ...{ url: database.url, schema: 'warehouse', clock: systemClock, log: silentLogger, releasers },
    signal: new AbortController().signal,
    ...over,
  })

/** Pauses are short; a warehouse that does not answer is silent for long enough as soon as the link swallows. */
function clockOf(isSilent: () => boolean): Clock {
  return {
    now: () => Date.now(),
    sleep: async (ms, signal) => {
      if (ms <= 2_000) return systemClock.sleep(10, signal)
      while (!isSilent()) await systemClock.sleep(10, signal)
    },
  }
}

it('statements that take long on any session of the term do not keep its heartbeat from being written', async () => {
  const writer = await open({ clock: clockOf(() => false) })
  const { session, reader, control } = writer
  const busy = [session, reader, control].map((one) => one.query('select pg_sleep(600)'))
  for (const one of busy) one.catch(() => undefined)
  const beatenAt = async (): Promise<string | null> =>
    (await database.admin.one('select beaten_at from syncline.heartbeat'))[0] ?? null
  const first = await beatenAt()
  await until('the heart beats', async () => ((await beatenAt()) === first ? null : true))
  expect(writer.fenced.aborted).toBe(false)
  for (const one of [session, reader, control]) one.destroy()
})

it('a session that is opened while the warehouse falls silent is ended with the others', async () => {
  let beats = 0
  const clock: Clock = {
    now: () => Date.now(),
    sleep: () => {
      if (beats++ === 0) link.swallow()
      return Promise.resolve()
    },
  }
  await expect(open({ url: link.url, clock })).rejects.toMatchObject({ code: 'warehouse-silent' })
})

it('a standby gives up a warehouse that answers nothing any more', async () => {
  await open()
  let isSilent = false
  const waiting = open({
    ...{ url: link.url, waitMs: Infinity, clock: clockOf(() => isSilent) },
    onStandby: () => {
      link.swallow()
      isSilent = true
    },
  })
  await expect(waiting).rejects.toMatchObject({ code: 'warehouse-silent' })
})
