import type { Config } from '../config/config.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Releasers } from '../runtime/releasers.ts'
import { streamsWithOpenDeadLetters } from '../state/dead-letters.ts'
import { fence } from '../state/lease.ts'
import { dropForgottenTables } from '../state/models.ts'
import { readStreams, type Resync } from '../state/streams.ts'
import { ensureAsOfTable, readAsOf, setAsOf } from '../warehouse/clock.ts'
import { ensureLiveMatches } from '../warehouse/live-matches.ts'
import { forgetLostMirrors } from '../warehouse/lost-mirrors.ts'
import { mirrorsOf } from '../warehouse/mirror-table.ts'
import { openWriter, type Writer } from '../warehouse/open-writer.ts'
import { abandonedTables, pruneTables } from '../warehouse/prune.ts'
import { readViewFiles, type ViewFile } from '../warehouse/views.ts'
import { WarehouseState } from '../warehouse/warehouse-state.ts'
import { matchPlans, storedPlan, streamDescriptions, streamNames } from '../wiring.ts'
import { warehouseUrl } from './open-warehouse.ts'

export interface LeaderOptions {
  /** `YYYY-MM-DD`: the day of a warehouse that has none yet; else only `tick` moves it. */
  readonly asOf: string
  readonly log: Logger
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly releasers: Releasers
  readonly keepWarehouse?: boolean
  /** How long to wait for another writer to end, in milliseconds. */
  readonly waitMs?: number
  /** Drop what is outdated, of streams whose keys are as this tells; else it is named and kept. */
  readonly prune?: (() => Promise<ReadonlyMap<string, readonly string[]>>) | null
  /** Told once when another writer holds the lease and this one waits as its standby. */
  readonly onStandby?: (holder: string) => void
}

/** The one that may write, and what it remembers of the committed state. */
export interface Leader {
  readonly writer: Writer
  readonly state: WarehouseState
}

/** Opens the warehouse, becomes its single writer and reads what is committed there. */
export async function becomeLeader(config: Config, options: LeaderOptions): Promise<Leader> {
  const { log, releasers, keepWarehouse = false } = options
  const url = await warehouseUrl(config, { log, releasers, keepRunning: keepWarehouse })
  const writer = await openWriter({ ...options, url, schema: config.warehouse.schema })
  const views = await readViewFiles(config.views)
  await pruneOrName(config, writer, { ...options, views })
  return { writer, state: await loadState(config, writer, { ...options, views }) }
}

/** What no source keeps fresh any more. */
async function pruneOrName(
  config: Config,
  { session, term }: Writer,
  {
    log,
    prune = null,
    views,
  }: Pick<LeaderOptions, 'log' | 'prune'> & { readonly views: readonly ViewFile[] },
): Promise<void> {
  const { schema } = config.warehouse
  const streams = streamNames(config)
  if (prune === null) {
    for (const table of await abandonedTables(session, { schema, streams }))
      log.warn(
        table,
        'a table whose stream is not configured any more is kept: `syncline run --prune` drops it',
      )
    return
  }
  const keys = await prune()
  const { dropped, kept } = await session.transaction(async () => {
    const pruned = await pruneTables(session, { schema, streams, views, keys })
    await fence(session, term)
    return pruned
  })
  for (const { table, why } of dropped) log.warn({ table, why }, 'dropped a table')
  for (const { table, why, usedBy } of kept)
    log.warn(
      { table, why, usedBy },
      'a table is kept, since others depend on it: drop these, and prune again',
    )
}

async function loadState(
  config: Config,
  { session, term }: Writer,
  { asOf, log, views }: Pick<LeaderOptions, 'asOf' | 'log'> & { readonly views: readonly ViewFile[] },
): Promise<WarehouseState> {
  const { schema } = config.warehouse
  const plans = matchPlans(config)
  const configured = streamNames(config)
  const state = await session.transaction(async () => {
    await ensureAsOfTable(session, schema)
    if ((await readAsOf(session, schema)) === null) await setAsOf(session, schema, asOf)
    const lost = await forgetLostMirrors(session, { schema, streams: configured, plans })
    if (lost.length > 0) log.warn({ tables: lost }, 'these tables are gone: their sources are read anew')
    const kept = (await abandonedTables(session, { schema, streams: configured })).map(({ name }) => name)
    // Of a stream that was pruned nothing is there but its name.
    const present = new Set([...configured, ...kept])
    const streams = [...(await readStreams(session))].filter(([stream]) => present.has(stream))
    const mirrors = mirrorsOf(schema, streams)
    const resyncs = streams.flatMap(([stream, { resync }]): [string, Resync][] =>
      resync ? [[stream, resync]] : [],
    )
    const { matches, live } = await ensureLiveMatches(session, { plans, mirrors, restore: storedPlan })
    const openLetters = await streamsWithOpenDeadLetters(session)
    await fence(session, term)
    return new WarehouseState({
      schema,
      term,
      matches,
      views,
      descriptions: streamDescriptions(config),
      mirrors,
      resyncs: new Map(resyncs),
      openLetters,
      live,
    })
  })
  await dropForgottenTables(session)
  return state
}
