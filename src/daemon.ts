import { join } from 'node:path'
import type { SourceProgress } from './changes/source.ts'
import type { Config } from './config/config.ts'
import { systemClock, type Clock } from './runtime/clock.ts'
import type { Logger } from './runtime/logger.ts'
import { Releasers } from './runtime/releasers.ts'
import {
  countOpenDeadLetters,
  purgeClosedDeadLetters,
  streamsWithOpenDeadLetters,
} from './state/dead-letters.ts'
import { openEmbeddedPostgres } from './state/embedded-postgres/open.ts'
import { ledgerOf } from './state/ledger.ts'
import { migrate as migrateState, type Migrated } from './state/migrate.ts'
import { readPosition } from './state/positions.ts'
import { Session } from './state/session.ts'
import { fence } from './state/lease.ts'
import { readStreams, type Resync } from './state/streams.ts'
import { answerQuestions, type Answer } from './warehouse/answers.ts'
import { ensureAsOfTable, setAsOf } from './warehouse/clock.ts'
import { commitBatch, drainQueue } from './warehouse/commit.ts'
import { ensureLiveMatches } from './warehouse/live-matches.ts'
import { dropFormerViews, type KeptView } from './warehouse/former-views.ts'
import { forgetLostMirrors } from './warehouse/lost-mirrors.ts'
import { openWriter, type Writer } from './warehouse/open-writer.ts'
import { describeMatch, publish, type PublishedMatch } from './warehouse/publish.ts'
import { runSource } from './warehouse/runner.ts'
import { Statistics } from './warehouse/statistics.ts'
import { applyViews, readViewFiles } from './warehouse/views.ts'
import { WarehouseState } from './warehouse/warehouse-state.ts'
import { checkSources, createSources, matchPlans, streamDescriptions, type WiredSource } from './wiring.ts'

/** Bytes of batches that may wait for a commit, for each source. */
const bufferBytes = 2 * 1024 * 1024

const progressMs = 200

export interface RunOptions {
  /** `YYYY-MM-DD`; else the configuration's, else the current UTC date. */
  readonly asOf?: string
  readonly log: Logger
  readonly signal: AbortSignal
  readonly onProgress?: (progress: readonly SourceProgress[]) => void
  readonly clock?: Clock
  /** Leave the embedded warehouse running after the end. */
  readonly keepWarehouse?: boolean
}

export interface SnapshotReport {
  readonly elapsedMs: number
  readonly matches: readonly PublishedMatch[]
  /** What the configured `report` asks. */
  readonly answers: readonly Answer[]
  /** Open ones, of all streams. */
  readonly deadLetters: number
  /** Source → records that one sweep lacked and that are kept until another proves them gone. */
  readonly pendingDeletions: Readonly<Record<string, number>>
  readonly warnings: readonly string[]
}

/**
 * Brings mirrors, matches and views up to date with all sources once, and ends. Reading, committing and matching
 * overlap; only the assignment waits for the last record. Interrupted at any moment, the next run goes on from the
 * last commit.
 */
export async function runSnapshot(config: Config, options: RunOptions): Promise<SnapshotReport> {
  const { log, signal, onProgress, clock = systemClock, keepWarehouse = false } = options
  const started = clock.now()
  const releasers = new Releasers()
  try {
    const sources = createSources(config, { log, clock })
    for (const { source } of sources) releasers.push(() => source.close())
    const warnings = await checkSources(sources, { log, signal })
    const url = await warehouseUrl(config, { log, releasers, keepRunning: keepWarehouse })
    const writer = await openWriter({ url, schema: config.warehouse.schema, clock, log, signal, releasers })
    const state = await loadState(config, writer, { asOf: options.asOf ?? config.asOf ?? today(clock), log })
    const stop = AbortSignal.any([signal, writer.fenced])
    const phases = reportProgress(sources, { clock, onProgress })
    releasers.push(phases.stop)

    await readSources(sources, { writer, state, signal: stop })
    phases.enter('matching')
    await drainQueue(writer.session, state, stop)
    for (const match of state.matches) await publish(writer.session, match, state)
    phases.enter('views')
    for (const { view, reason } of await finish(writer, state, config)) {
      log.warn({ view }, keptBecause[reason])
    }
    phases.stop()

    const matches = []
    for (const match of state.matches) matches.push(await describeMatch(writer.session, match, state.schema))
    const answers =
      config.report === null ? [] : await answerQuestions(writer.session, state.schema, config.report)
    return {
      elapsedMs: clock.now() - started,
      matches,
      answers,
      deadLetters: await countOpenDeadLetters(writer.session),
      pendingDeletions: Object.fromEntries(
        sources.flatMap(({ source, pendingDeletions }) =>
          pendingDeletions ? [[source.name, pendingDeletions()]] : [],
        ),
      ),
      warnings,
    }
  } finally {
    await releasers.release()
  }
}

/** Brings the state schema of the configured warehouse up to date and nothing else. */
export async function migrate(
  config: Config,
  { log }: Pick<RunOptions, 'log' | 'signal'>,
): Promise<Migrated> {
  const releasers = new Releasers()
  try {
    const url = await warehouseUrl(config, { log, releasers })
    const session = await Session.connect({ url, applicationName: 'syncline migrate' })
    releasers.push(() => session.close())
    return await migrateState(session)
  } finally {
    await releasers.release()
  }
}

/** The configured server, or the embedded one, started if it is down and released with the rest. */
export async function warehouseUrl(
  { warehouse, directory }: Config,
  { log, releasers, keepRunning = false }: { log: Logger; releasers: Releasers; keepRunning?: boolean },
): Promise<string> {
  if (warehouse.kind === 'server') return warehouse.url
  const server = await openEmbeddedPostgres({ directory: join(directory, '.syncline'), log, keepRunning })
  releasers.push(() => server.stop())
  return server.url
}

async function loadState(
  config: Config,
  { session, term }: Writer,
  { asOf, log }: { asOf: string; log: Logger },
): Promise<WarehouseState> {
  const { schema } = config.warehouse
  const plans = matchPlans(config)
  const views = await readViewFiles(config.views)
  return session.transaction(async () => {
    await ensureAsOfTable(session, schema)
    await setAsOf(session, schema, asOf)
    const lost = await forgetLostMirrors(session, { schema, plans })
    if (lost.length > 0) log.warn({ tables: lost }, 'these tables are gone: their sources are read anew')
    const streams = await readStreams(session)
    const mirrors = new Map(
      [...streams].map(([stream, { columns }]) => [stream, { schema, stream, columns }]),
    )
    const resyncs = [...streams].flatMap(([stream, { resync }]): [string, Resync][] =>
      resync ? [[stream, resync]] : [],
    )
    const matches = await ensureLiveMatches(session, plans, mirrors)
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
    })
  })
}

const keptBecause: Record<KeptView['reason'], string> = {
  used: 'a view that is not configured any more stays, since others depend on it: drop them together',
  changed:
    'a view that is not configured any more stays, since somebody has changed it: drop it or keep it as your own',
}

async function finish(
  { session, term }: Writer,
  state: WarehouseState,
  config: Config,
): Promise<readonly KeptView[]> {
  return session.transaction(async () => {
    await applyViews(session, state.schema, state.views)
    const kept = await dropFormerViews(session, state.schema, state.views)
    await purgeClosedDeadLetters(session, config.deadLetters.retentionMs)
    await fence(session, term)
    return kept
  })
}

/** Reads all sources at once; commits take turns. The first failure stops the others. */
async function readSources(
  sources: readonly WiredSource[],
  { writer, state, signal }: { writer: Writer; state: WarehouseState; signal: AbortSignal },
): Promise<void> {
  const statistics = new Statistics()
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const mine = turn.then(work)
    turn = mine.catch(() => undefined)
    return mine
  }
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const runs = sources.map(async ({ source }) => {
    try {
      await runSource({
        source,
        after: await readPosition(writer.reader, source.name),
        ledger: ledgerOf(writer.reader, source.name),
        signal: stop,
        bufferBytes,
        commit: (batch) =>
          inTurn(async () => {
            stop.throwIfAborted()
            await commitBatch(writer.session, source, batch, state)
            await statistics.note(writer.session, batch.changes.length, state)
          }),
      })
    } catch (error) {
      failed.abort(error)
      throw error
    }
  })
  await Promise.allSettled(runs)
  stop.throwIfAborted()
}

function reportProgress(
  sources: readonly WiredSource[],
  { clock, onProgress }: { clock: Clock; onProgress: RunOptions['onProgress'] },
): { readonly enter: (phase: string) => void; readonly stop: () => void } {
  let phase: SourceProgress[] = []
  const report = (): void => {
    const reading = sources.flatMap(({ source }) =>
      source.progress().map((progress) => ({ ...progress, phase: `${source.name} ${progress.phase}` })),
    )
    onProgress?.([...reading, ...(phase.length > 0 ? phase : commitsLeft(reading))])
  }
  const timer = new AbortController()
  const ticking = async (): Promise<void> => {
    while (!timer.signal.aborted) {
      await clock.sleep(progressMs, timer.signal)
      report()
    }
  }
  ticking().catch(() => undefined)
  return {
    enter: (name) => {
      phase = [{ phase: name, done: 0, total: null }]
      report()
    },
    stop: () => {
      if (!timer.signal.aborted) report()
      timer.abort()
    },
  }
}

/** All is read, but what waits for its commit can take a while. */
export function commitsLeft(reading: readonly SourceProgress[]): SourceProgress[] {
  const allRead = reading.length > 0 && reading.every(({ done, total }) => done === total)
  return allRead ? [{ phase: 'committing', done: 0, total: null }] : []
}

function today(clock: Clock): string {
  return new Date(clock.now()).toISOString().slice(0, 10)
}
