import type { Json } from './changes/ledger.ts'
import type { Source } from './changes/source.ts'
import type { Config } from './config/config.ts'
import { auditInBackground } from './daemon/auditor.ts'
import { CommandRunner } from './daemon/command-runner.ts'
import { commandHandlers } from './daemon/commands.ts'
import { CommitError, CommitTurns } from './daemon/commit-turns.ts'
import { today } from './daemon/day.ts'
import { FollowedSource } from './daemon/followed-source.ts'
import { becomeLeader, type Leader } from './daemon/leader.ts'
import { matchCommandHandlers } from './daemon/match-commands.ts'
import { MatchKeeper } from './daemon/match-keeper.ts'
import type { SourceReport } from './daemon/source-report.ts'
import { systemClock, type Clock } from './runtime/clock.ts'
import { FencedError, OperatorError, TransientError } from './runtime/errors.ts'
import type { Logger } from './runtime/logger.ts'
import { Releasers } from './runtime/releasers.ts'
import { backoffMs, type RetryPolicy } from './runtime/retry.ts'
import { readPausedSources } from './state/paused-sources.ts'
import { writeSourceStatus } from './state/source-status.ts'
import { createSources, presentKeys } from './wiring.ts'

export interface DaemonOptions {
  /** `YYYY-MM-DD`; else the configuration's, else the current UTC date. */
  readonly asOf?: string
  /** Begin by dropping tables that no source keeps fresh any more. */
  readonly prune?: boolean
  /** Which sources are read; all of them if it is left out. The others only take commands. */
  readonly reads?: (source: Source) => boolean
  readonly log: Logger
  /** Aborted: finish the commit under way, release everything, return. */
  readonly signal: AbortSignal
  readonly clock?: Clock
  /** Told of what the service manager and people at a terminal want to know. */
  readonly onState?: (state: DaemonState) => void
  /** Told at the beginning of each term; what it remembers stays readable after its end. */
  readonly onLeading?: (leader: Leader) => void
}

export type DaemonState =
  | { readonly kind: 'standby'; readonly holder: string }
  | { readonly kind: 'leading'; readonly sources: ReadonlyMap<string, SourceReport> }
  | { readonly kind: 'retrying'; readonly reason: string }

const leading: RetryPolicy = { attempts: Infinity, baseMs: 500, maxMs: 30_000 }
const reportMs = 1_000

/**
 * Keeps mirrors, matches and views fresh until the signal. While another writer holds the lease it waits as its
 * standby. When the warehouse is gone for a while, or another writer has taken over, it begins again from the last
 * commit; a source that fails is opened again while the others go on. Throws only what neither time nor a standby can
 * mend.
 */
export async function runDaemon(config: Config, options: DaemonOptions): Promise<void> {
  const { log, signal, clock = systemClock, onState } = options
  for (let failures = 0; !signal.aborted; failures++) {
    const began = clock.now()
    try {
      await lead(config, { ...options, clock })
    } catch (thrown) {
      if (options.signal.aborted) return
      const error = thrown instanceof CommitError ? thrown.cause : thrown
      if (!canPass(error)) throw error
      if (clock.now() - began > leading.maxMs) failures = 0
      const waitMs = backoffMs(leading, failures, Math.random)
      log.warn({ code: error.code, hint: error.hint, retryInMs: Math.round(waitMs) }, error.message)
      onState?.({ kind: 'retrying', reason: error.message })
      await clock.sleep(waitMs, signal).catch(() => undefined)
    }
  }
}

/** A warehouse that is down comes back; whoever took over may end. */
function canPass(error: unknown): error is TransientError | FencedError | OperatorError {
  if (error instanceof OperatorError) return error.area === 'server'
  return error instanceof TransientError || error instanceof FencedError
}

async function lead(config: Config, options: DaemonOptions & { readonly clock: Clock }): Promise<void> {
  const { log, signal, clock, onState, onLeading, reads = () => true } = options
  const releasers = new Releasers()
  try {
    const asOf = options.asOf ?? config.asOf ?? today(clock)
    const wired = createSources(config, { log, clock, follow: true })
    for (const { source } of wired) releasers.push(() => source.close())
    const leader = await becomeLeader(config, {
      ...{ asOf, log, clock, signal, releasers },
      prune: options.prune === true ? () => presentKeys(wired, signal) : null,
      waitMs: Infinity,
      onStandby: (holder) => onState?.({ kind: 'standby', holder }),
    })
    const { writer } = leader
    log.info({ term: writer.term.toString() }, 'leading')
    onLeading?.(leader)
    const turns = new CommitTurns(leader)
    const keeper = new MatchKeeper({
      ...{ config, leader, turns, clock, log },
      asOf: options.asOf ?? config.asOf,
      loaded: () => sources.every((source) => source.loaded),
    })
    const sources = wired.map(
      (one) =>
        new FollowedSource({
          ...{ wired: one, leader, turns, clock, log },
          onCommit: () => {
            keeper.noteCommit()
          },
        }),
    )
    const paused = await readPausedSources(writer.control)
    for (const followed of sources) if (paused.has(followed.source.name)) followed.pause()
    const read = sources.filter(({ source }) => reads(source))
    const commands = new CommandRunner({
      ...{ writer, clock, log },
      handlers: {
        ...commandHandlers(sources, writer.control),
        ...matchCommandHandlers(leader, turns, keeper),
      },
    })
    const report = async (stop: AbortSignal): Promise<void> => {
      while (!stop.aborted) {
        const reports = new Map(sources.map((one) => [one.source.name, one.report(clock.now())]))
        onState?.({ kind: 'leading', sources: reports })
        await writeSourceStatus(
          writer.control,
          writer.term,
          reports as ReadonlyMap<string, unknown> as Map<string, Json>,
        )
        await clock.sleep(reportMs, stop).catch(() => undefined)
      }
    }
    await untilOneFails(AbortSignal.any([signal, writer.fenced]), [
      ...read.map((source) => (stop: AbortSignal) => source.run(stop)),
      (stop) => keeper.run(stop),
      (stop) => commands.run(stop),
      (stop) => auditInBackground({ sources: read, control: writer.control, clock, log }, stop),
      report,
    ])
  } finally {
    await releasers.release()
  }
}

/** Runs all until the signal; the first that fails stops the others, and its error is thrown when they have ended. */
async function untilOneFails(
  signal: AbortSignal,
  runs: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  await Promise.all(
    runs.map((run) =>
      run(stop).catch((error: unknown) => {
        if (!stop.aborted) failed.abort(error)
      }),
    ),
  )
  stop.throwIfAborted()
}
