import { afterEach, beforeEach, it } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { CommitTurns } from '../../src/daemon/commit-turns.ts'
import type { Leader } from '../../src/daemon/leader.ts'
import { MatchKeeper } from '../../src/daemon/match-keeper.ts'
import { systemClock, type Clock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const hours = 3_600_000
const days = 24 * hours

let database: TestDatabase
let warehouse: TestWarehouse

beforeEach(async () => {
  database = await testDatabase()
  warehouse = await openTestWarehouse(database.url, [])
})
afterEach(async () => {
  await warehouse.close()
  await database.drop()
})

it('old finished commands are forgotten as time goes on, not only when a term begins; those that wait are kept', async () => {
  const { session, state } = warehouse
  const command = (kind: string, finished: string | null): Promise<unknown> =>
    session.query(
      `insert into syncline.command (kind, arguments, requested_by, requested_at, state, result, finished_at)
       values ($1, '{}', 'test', now() - interval '30 days', $2, 'null', now() - $3::interval)`,
      [kind, finished === null ? 'waiting' : 'done', finished],
    )
  const kinds = async (): Promise<string> =>
    (await session.query('select kind from syncline.command order by kind')).flat().join(' ')
  const untilKinds = (wanted: string): Promise<true> =>
    until(`of the commands ${wanted} are left`, async () => ((await kinds()) === wanted ? true : null))
  let now = 0
  const clock: Clock = { now: () => now, sleep: (_ms, signal) => systemClock.sleep(5, signal) }
  const leader = { writer: { session, reader: session, term: state.term }, state } as unknown as Leader
  const keeper = new MatchKeeper({
    config: {
      deadLetters: { retentionMs: days },
      matchHistory: { changesMs: days, intervalsMs: days },
    } as unknown as Config,
    leader,
    turns: new CommitTurns(leader),
    asOf: '2017-02-02',
    loaded: () => true,
    clock,
    log: silentLogger,
  })
  await command('a-waiting', null)
  await command('b-of-today', '1 hour')
  await command('c-of-last-month', '8 days')
  const stop = new AbortController()
  const running = keeper.run(stop.signal)
  await untilKinds('a-waiting b-of-today')
  await command('d-of-last-month', '8 days')
  now += hours
  await untilKinds('a-waiting b-of-today')
  stop.abort()
  await running.catch(() => undefined)
})
