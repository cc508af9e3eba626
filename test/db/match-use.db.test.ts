import { expect, it } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { CommitTurns } from '../../src/daemon/commit-turns.ts'
import type { Leader } from '../../src/daemon/leader.ts'
import { matchCommandHandlers } from '../../src/daemon/match-commands.ts'
import { MatchKeeper } from '../../src/daemon/match-keeper.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { readModels } from '../../src/state/models.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { queueAllRecords } from '../../src/warehouse/rematch-queue.ts'
import { addCalibrated } from '../../src/warehouse/versions.ts'
import { storedPlan } from '../../src/wiring.ts'
import { upsert } from '../support/life.ts'
import { goLive } from '../support/live-match.ts'
import { peoplePlan } from '../support/people-match.ts'
import { testDatabase } from '../support/postgres.ts'
import { scriptedBatches } from '../support/scripted-source.ts'
import { openTestWarehouse } from '../support/warehouse.ts'

const days = 24 * 3_600_000

it('a version that is asked for is published when its command is done, whatever is put off meanwhile; if another one was, that is told', async () => {
  const database = await testDatabase()
  const warehouse = await openTestWarehouse(database.url, [peoplePlan])
  const { session, state } = warehouse
  const live = await goLive(warehouse)
  const changes = [
    upsert('person', { id: '1', first: 'ann', last: 'lee', practice_id: null }),
    upsert('user', { id: '1', first: 'ann', last: 'lee', town: null }),
  ]
  const [batch] = scriptedBatches([{ changes }])
  await commitBatch(session, live.nextSource(), batch ?? expect.fail(), state)
  const calibration = { levels: {}, frequencies: { last_name: { unknown: 9_000, values: {} } } }
  const model = await addCalibrated(session, state, {
    ...{ match: 'person_match', calibration, restore: storedPlan },
  })

  const leader = { writer: { session, reader: session, term: state.term }, state } as unknown as Leader
  const turns = new CommitTurns(leader)
  const keeper = new MatchKeeper({
    config: {
      deadLetters: { retentionMs: days },
      matchHistory: { changesMs: days, intervalsMs: days },
    } as unknown as Config,
    ...{ leader, turns, clock: systemClock, log: silentLogger, asOf: '2017-02-02' },
    // It publishes by itself what it is not asked for.
    loaded: () => false,
  })
  const stop = new AbortController()
  const running = keeper.run(stop.signal)
  const drained = keeper.drained.bind(keeper)
  let commits = 2
  keeper.drained = async (signal) => {
    await drained(signal)
    const version = state.matches.find((match) => match.model === model) ?? expect.fail()
    if (commits-- > 0) await turns.take(signal, () => queueAllRecords(session, version, state.mirrors))
  }
  const handlers = matchCommandHandlers(leader, turns, keeper)
  const command = { id: '1', kind: 'use', requestedBy: 'test', arguments: { match: 'person_match', model } }
  const overtaken = handlers['use']?.(command, stop.signal)
  const published = { ...command, arguments: { match: 'person_match', model: 1 } }
  const last = handlers['use']?.(published, stop.signal)
  await expect(overtaken).rejects.toMatchObject({ code: 'overtaken' })
  expect(await last).toEqual({ model: 1, setAside: [model] })
  commits = 2
  expect(await handlers['use']?.(command, stop.signal)).toEqual({ model, setAside: [] })
  const models = await readModels(session, 'person_match')
  expect(models.map((one) => `${one.model} ${one.state}`)).toEqual([`${model} published`])
  stop.abort()
  await running.catch(() => undefined)
  await warehouse.close()
  await database.drop()
})
