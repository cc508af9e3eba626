import type { SourceProgress } from '../changes/source.ts'
import type { Config } from '../config/config.ts'
import { systemClock, type Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { Releasers } from '../runtime/releasers.ts'
import { countOpenDeadLetters, purgeClosedDeadLetters } from '../state/dead-letters.ts'
import { ledgerOf } from '../state/ledger.ts'
import { fence } from '../state/lease.ts'
import { readPosition } from '../state/positions.ts'
import { answerQuestions, type Answer } from '../warehouse/answers.ts'
import { dropFormerViews, type KeptView } from '../warehouse/former-views.ts'
import { purgeMatchHistory } from '../warehouse/match-history.ts'
import { describeMatch, type PublishedMatch } from '../warehouse/publish.ts'
import { drainQueue } from '../warehouse/rematch.ts'
import { runSource } from '../warehouse/runner.ts'
import { tick } from '../warehouse/tick.ts'
import { publishWhole } from '../warehouse/versions.ts'
import { applyViews } from '../warehouse/views.ts'
import { checkSources, createSources, presentKeys, type WiredSource } from '../wiring.ts'
import { CommitError, CommitTurns } from './commit-turns.ts'
import { judgedStreams } from './judged-streams.ts'
import { today } from './day.ts'
import { becomeLeader, type Leader } from './leader.ts'
import { reportProgress } from './run-progress.ts'

/** Bytes of batches that may wait for a commit, for each source. */
export const bufferBytes = 2 * 1024 * 1024

export interface RunOptions {
  /** `YYYY-MM-DD`; else the configuration's, else the current UTC date. */
  readonly asOf?: string
  /** Begin by dropping tables that no source keeps fresh any more. */
  readonly prune?: boolean
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
  /** What preflight found that does not keep the run from its work. */
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
    const sources = createSources(config, { log, clock, follow: false })
    for (const { source } of sources) releasers.push(() => source.close())
    const warnings = await checkSources(sources, { log, signal })
    const asOf = options.asOf ?? config.asOf ?? today(clock)
    const prune = options.prune === true ? () => presentKeys(sources, signal) : null
    const leader = await becomeLeader(config, { asOf, prune, log, clock, signal, releasers, keepWarehouse })
    const { writer, state } = leader
    const stop = AbortSignal.any([signal, writer.fenced])
    const phases = reportProgress(sources, { clock, onProgress })
    releasers.push(phases.stop)

    await readSources(sources, leader, stop)
    phases.enter('matching')
    await drainQueue(writer.session, state, stop)
    await tick(writer.session, state, asOf)
    await publishWhole(writer.session, state, { beside: writer.reader })
    phases.enter('views')
    await finish(leader, config, log)
    phases.stop()

    const matches = []
    for (const match of state.matches.filter(({ model }) => state.isLive(model))) {
      matches.push(await describeMatch(writer.session, match, state.schema))
    }
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

/**
 * Reads all sources at once; commits take turns. The first failure stops the others, and so does the question whether
 * what vanished is to be deleted.
 */
async function readSources(
  sources: readonly WiredSource[],
  leader: Leader,
  signal: AbortSignal,
): Promise<void> {
  const turns = new CommitTurns(leader)
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const { reader } = leader.writer
  const runs = sources.map(async ({ source }) => {
    try {
      await runSource({
        source,
        after: await readPosition(reader, source.name),
        ledger: ledgerOf(reader, source.name),
        signal: stop,
        bufferBytes,
        commit: async (batch, more) => {
          await turns.commit(source, batch, more)
          for (const stream of judgedStreams(batch)) {
            const refusal = leader.state.refusal(stream)
            if (refusal !== null) throw refusal
          }
        },
        turn: (work) => turns.take(stop, work),
      })
    } catch (error) {
      failed.abort(error instanceof CommitError ? error.cause : error)
    }
  })
  await Promise.all(runs)
  stop.throwIfAborted()
}

async function finish(
  { writer: { session, term }, state }: Leader,
  config: Config,
  log: Logger,
): Promise<void> {
  const kept = await session.transaction(async () => {
    await applyViews(session, state.schema, state.views)
    const former = await dropFormerViews(session, state.schema, state.views)
    await purgeClosedDeadLetters(session, config.deadLetters.retentionMs)
    await purgeMatchHistory(session, config.matchHistory)
    await fence(session, term)
    return former
  })
  for (const { view, reason } of kept) log.warn({ view }, keptBecause[reason])
}

const keptBecause: Record<KeptView['reason'], string> = {
  used: 'a view that is not configured any more stays, since others depend on it: drop them together',
  changed: 'a view that is not configured any more stays, since somebody has changed it: drop it, or keep it',
}
