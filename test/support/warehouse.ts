import { randomUUID } from 'node:crypto'
import { systemClock } from '../../src/runtime/clock.ts'
import { streamsWithOpenDeadLetters } from '../../src/state/dead-letters.ts'
import { acquireLease, termSessionName } from '../../src/state/lease.ts'
import { ensureSchema, migrate } from '../../src/state/migrate.ts'
import { dropForgottenTables } from '../../src/state/models.ts'
import { Session } from '../../src/state/session.ts'
import { readStreams, type Resync } from '../../src/state/streams.ts'
import { ensureAsOfTable, readAsOf, setAsOf } from '../../src/warehouse/clock.ts'
import { ensureLiveMatches } from '../../src/warehouse/live-matches.ts'
import { forgetLostMirrors } from '../../src/warehouse/lost-mirrors.ts'
import type { MatchPlan } from '../../src/warehouse/match-plan.ts'
import { mirrorsOf } from '../../src/warehouse/mirror-table.ts'
import { storedPlan } from '../../src/wiring.ts'
import { WarehouseState, type RematchLimits } from '../../src/warehouse/warehouse-state.ts'

export interface TestWarehouse {
  readonly session: Session
  readonly state: WarehouseState
  close(): Promise<void>
}

/** A writer over the database at `url`, as the daemon opens one. */
export async function openTestWarehouse(
  url: string,
  plans: readonly MatchPlan[],
  limits?: RematchLimits,
): Promise<TestWarehouse> {
  const admin = await Session.connect({ url, applicationName: `syncline test ${randomUUID()}` })
  await migrate(admin)
  await ensureSchema(admin, 'warehouse')
  const term = await acquireLease(admin, {
    holder: 'test',
    expiryMs: 10_000,
    waitMs: 10_000,
    clock: systemClock,
    signal: new AbortController().signal,
  })
  await ensureAsOfTable(admin, 'warehouse')
  if ((await readAsOf(admin, 'warehouse')) === null) await setAsOf(admin, 'warehouse', '2017-02-02')
  await admin.close()
  const session = await Session.connect({ url, applicationName: termSessionName(term) })
  const known = [...(await readStreams(session)).keys()]
  await session.transaction(() => forgetLostMirrors(session, { schema: 'warehouse', streams: known, plans }))
  const streams = await readStreams(session)
  const mirrors = mirrorsOf('warehouse', streams)
  const resyncs = [...streams].flatMap(([stream, { resync }]): [string, Resync][] =>
    resync ? [[stream, resync]] : [],
  )
  const state = new WarehouseState({
    schema: 'warehouse',
    term,
    ...(await session.transaction(() => ensureLiveMatches(session, { plans, mirrors, restore: storedPlan }))),
    views: [],
    ...(limits ? { limits } : {}),
    descriptions: new Map(),
    mirrors,
    resyncs: new Map(resyncs),
    openLetters: await streamsWithOpenDeadLetters(session),
  })
  await dropForgottenTables(session)
  return { session, state, close: () => session.close() }
}
