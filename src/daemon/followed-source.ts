import type { ChangeBatch } from '../changes/change-batch.ts'
import type { AuditPace, Source } from '../changes/source.ts'
import type { Clock } from '../runtime/clock.ts'
import { OperatorError, StoppingError, SynclineError, TransientError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import { ToldCodes } from '../runtime/told-codes.ts'
import { backoffMs, type RetryPolicy } from '../runtime/retry.ts'
import { ledgerOf } from '../state/ledger.ts'
import { readPosition } from '../state/positions.ts'
import { runSource } from '../warehouse/runner.ts'
import { checkSources, type WiredSource } from '../wiring.ts'
import type { CommitTurns } from './commit-turns.ts'
import { judgedStreams } from './judged-streams.ts'
import type { Leader } from './leader.ts'
import { LoadProgress } from './load-progress.ts'
import type { SourceReport } from './source-report.ts'
import { WholeReadings } from './whole-readings.ts'

/** Bytes of batches that may wait for a commit, for each source. */
const bufferBytes = 2 * 1024 * 1024

const rateWindowMs = 10_000

/** Whoever fails on the way goes on once it has got on for so long. */
const settledMs = 60_000

/** Full jitter up to a minute: soon after a restart of the other side, gentle during an outage. */
const reopening: RetryPolicy = { attempts: Infinity, baseMs: 500, maxMs: 60_000 }

export interface FollowedSourceOptions {
  readonly wired: WiredSource
  readonly leader: Leader
  readonly turns: CommitTurns
  readonly clock: Clock
  readonly log: Logger
  /** Told after each commit. */
  readonly onCommit: () => void
}

interface Failure {
  readonly error: SynclineError
  /** Whether it was committed on the way there, so that a commit alone does not mean that it is over. */
  readonly isOnTheWay: boolean
  readonly sinceMs: number
  readonly retryAtMs: number
}

/**
 * One source for as long as we lead: opened, read, and opened again after whatever can pass or be mended, while the
 * other sources go on. Only what no source is to blame for ends it with an error.
 */
export class FollowedSource {
  readonly source: Source
  readonly #options: FollowedSourceOptions
  readonly #log: Logger
  #paused: AbortController | null = null
  #reading = new AbortController()
  #failure: Failure | null = null
  readonly #told = new ToldCodes()
  #failures = 0
  #openedAtMs = 0
  /** Whether anything was committed since it was opened. */
  #hasCommitted = false
  #done = false
  #changes = 0
  readonly #counts: { readonly atMs: number; readonly changes: number }[] = []
  readonly #load = new LoadProgress()
  #committedAtMs: number | null = null
  #lagMs: number | null = null
  readonly #wholes: WholeReadings
  /** Whether somebody who knows why the source is refused has asked to read it all the same. */
  #anew = false
  /** Stream → why what vanished from it is not deleted. */
  readonly #refusals = new Map<string, string>()

  constructor(options: FollowedSourceOptions) {
    this.#options = options
    this.source = options.wired.source
    this.#wholes = new WholeReadings(this.source, options.clock)
    this.#log = options.log.child({ source: this.source.name })
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#paused) {
        await untilAborted(AbortSignal.any([signal, this.#paused.signal]))
        continue
      }
      this.#reading = new AbortController()
      const stop = AbortSignal.any([signal, this.#reading.signal])
      try {
        await this.#read(stop)
        if (!stop.aborted) {
          this.#done = true
          return
        }
      } catch (error) {
        if (stop.aborted) continue
        await this.#afterFailure(error, stop)
      }
    }
  }

  /** Stops reading after the commit under way; what is committed stays. */
  pause(): void {
    this.#paused ??= new AbortController()
    this.#reading.abort()
  }

  resume(): void {
    this.#paused?.abort()
    this.#paused = null
  }

  /**
   * Reads a stream anew; resolves when its end is committed. For what is thrown see `WholeReadings.read`. Unless it only
   * `repairs`, whoever asks while the source is refused, or nothing is known of it yet, accepts it as it is; whoever has
   * asked before is told of the refusal.
   */
  async resync(stream: string, signal: AbortSignal, { repairs = false } = {}): Promise<void> {
    const accepts = !repairs && this.#mayBeAccepted
    if (accepts) this.#anew = true
    const obstacle = (): OperatorError | null => {
      const found = this.obstacle(stream)
      return found?.resyncMends === true && accepts ? null : found
    }
    await this.#wholes.read({ purpose: 'resync', stream, signal, obstacle })
  }

  /** Reads a stream for comparison with its mirror; otherwise as `resync`. */
  async audit(stream: string, signal: AbortSignal, pace?: AuditPace): Promise<void> {
    const obstacle = (): OperatorError | null => this.obstacle(stream)
    await this.#wholes.read({ purpose: 'audit', stream, pace, signal, obstacle })
  }

  get #mayBeAccepted(): boolean {
    const failure = this.#presentFailure()
    if (failure !== null) return failure.error instanceof OperatorError && failure.error.resyncMends
    return this.#committedAtMs === null && (this.source.status?.().heardAt ?? null) === null
  }

  /** Whether somebody waits for a comparison. */
  isAuditing(stream: string): boolean {
    return this.#wholes.isAsked('audit', stream)
  }

  /** How it is compared with the warehouse in the background; null if not at all. */
  get background(): NonNullable<WiredSource['audit']> | null {
    return this.#options.wired.audit ?? null
  }

  /** Why a stream is not read until somebody acts; null if it is, or will be by itself. */
  obstacle(stream: string): OperatorError | null {
    const { name } = this.source
    if (this.#paused) {
      return new OperatorError({
        ...{ area: 'usage', code: 'source-paused', message: `the source ${name} is paused` },
        hint: `run \`syncline resume ${name}\`, then ask again`,
      })
    }
    const error = this.#presentFailure()?.error
    if (error instanceof OperatorError) return error
    const reason = this.source.status?.().stopped.get(stream)
    if (reason === undefined) return null
    return new OperatorError({
      ...{ area: 'data', code: 'stream-stopped', message: `the stream ${stream} is not followed: ${reason}` },
      hint: `mend that, then run \`syncline resync ${stream}\``,
    })
  }

  /** Whether everything was read and committed at least once, so that what is missing is missing at the source. */
  get loaded(): boolean {
    return this.#load.isLoaded(this.#sourceIsLoaded)
  }

  get #sourceIsLoaded(): boolean {
    return this.source.status?.().loaded ?? this.#done
  }

  report(now: number): SourceReport {
    const status = this.source.status?.()
    const failure = this.#presentFailure()
    return {
      state: this.#paused
        ? 'paused'
        : failure
          ? 'failing'
          : (status?.state ?? (this.#done ? 'done' : 'reading')),
      loaded: this.loaded,
      changes: this.#changes,
      changesPerSecond: this.#perSecond(now),
      lagMs: this.#lag(now),
      committedAt: isoTime(this.#committedAtMs),
      heardAt: isoTime(status?.heardAt ?? null),
      headroomMs: status?.headroomMs ?? null,
      staleness: status?.staleness ?? null,
      stopped: Object.fromEntries(status?.stopped ?? []),
      undeleted: Object.fromEntries(this.#refusals),
      progress: this.source.progress().map(({ phase, done, total }) => ({ phase, done, total })),
      failure: failure && {
        code: failure.error.code,
        message: failure.error.message,
        hint: failure.error.hint ?? null,
        since: isoTime(failure.sinceMs) ?? '',
        retryInMs: Math.max(0, failure.retryAtMs - now),
      },
    }
  }

  /** What is not read falls further behind, whatever the lag was when it still was. */
  #lag(now: number): number | null {
    const isRead = !this.#paused && this.#presentFailure() === null
    if (isRead || this.#committedAtMs === null) return this.#lagMs
    return Math.max(this.#lagMs ?? 0, now - this.#committedAtMs)
  }

  #perSecond(now: number): number {
    this.#counts.push({ atMs: now, changes: this.#changes })
    while (this.#counts.length > 2 && now - (this.#counts[0]?.atMs ?? now) > rateWindowMs)
      this.#counts.shift()
    const [first] = this.#counts
    const ms = now - (first?.atMs ?? now)
    return ms === 0 ? 0 : Math.round(((this.#changes - (first?.changes ?? 0)) * 10_000) / ms) / 10
  }

  async #read(stop: AbortSignal): Promise<void> {
    const { wired, leader, turns, clock, onCommit } = this.#options
    await checkSources([wired], { log: this.#log, signal: stop })
    const { reader } = leader.writer
    this.#openedAtMs = clock.now()
    this.#hasCommitted = false
    this.#load.begin()
    this.#wholes.reopen()
    await runSource({
      source: this.source,
      after: await readPosition(reader, this.source.name),
      ledger: ledgerOf(reader, this.source.name),
      signal: stop,
      anew: this.#anew,
      bufferBytes,
      onRead: (batch) => {
        if (this.#anew && batch.changes.some(({ kind }) => kind === 'resync-begin')) this.#anew = false
        this.#load.noteRead(batch.after, this.#sourceIsLoaded)
        this.#wholes.noteRead(batch)
      },
      commit: async (batch) => {
        await turns.commit(this.source, batch)
        this.#load.noteCommit(batch.after)
        this.#committed(batch, clock.now())
        onCommit()
      },
      turn: (work) => turns.take(stop, work),
    })
  }

  #committed(batch: ChangeBatch, now: number): void {
    this.#hasCommitted = true
    this.#recover(now)
    this.#changes += batch.changes.length
    this.#committedAtMs = now
    if (batch.committedAt !== null) this.#lagMs = Math.max(0, now - batch.committedAt)
    const position = batch.after
    for (const stream of judgedStreams(batch)) {
      const refusal = this.#options.leader.state.refusal(stream)
      this.#noteRefusal(stream, refusal)
      const isEnd = batch.changes.some((change) => change.kind === 'resync-end' && change.stream === stream)
      if (isEnd || refusal !== null) this.#wholes.noteEnd('resync', stream, { position, refusal })
    }
    if (batch.audit?.last) this.#wholes.noteEnd('audit', batch.audit.stream, { position, refusal: null })
  }

  /**
   * A source that somebody has to mend may commit each time until it comes to where it fails: it would be opened again and
   * again without a pause.
   */
  #recover(now: number): void {
    if (this.#failure?.isOnTheWay === true && now - this.#openedAtMs < settledMs) return
    if (this.#failure) this.#log.info('goes on')
    this.#failure = null
    this.#failures = 0
    this.#told.forget()
  }

  /** Whoever follows goes on without deleting until somebody has decided. */
  #noteRefusal(stream: string, refusal: OperatorError | null): void {
    const isNew = refusal !== null && this.#refusals.get(stream) !== refusal.message
    if (isNew) this.#log.error({ code: refusal.code, stream, hint: refusal.hint }, refusal.message)
    if (refusal === null) this.#refusals.delete(stream)
    else this.#refusals.set(stream, refusal.message)
  }

  /** It may be quiet for long after it came back, with nothing to commit. */
  #presentFailure(): Failure | null {
    const heardAt = this.source.status?.().heardAt ?? -Infinity
    return this.#failure !== null && heardAt < this.#failure.retryAtMs ? this.#failure : null
  }

  async #afterFailure(error: unknown, stop: AbortSignal): Promise<void> {
    // As an orderly end it would be told as success, and nobody would start us again.
    if (error instanceof StoppingError) throw new Error(`${this.source.name} ended unasked`, { cause: error })
    if (!(error instanceof TransientError || error instanceof OperatorError)) throw error
    const now = this.#options.clock.now()
    const asked = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0
    const waitMs = Math.max(backoffMs(reopening, this.#failures++, Math.random), asked)
    const details = { code: error.code, hint: error.hint, retryInMs: Math.round(waitMs) }
    // Once in full; an outage must not fill the log, though each time it may be another page that fails.
    const isNew = this.#told.isNews(error.code, now)
    this.#log[isNew ? (error instanceof OperatorError ? 'error' : 'warn') : 'debug'](details, error.message)
    const sinceMs = this.#failure?.sinceMs ?? now
    const isOnTheWay = this.#hasCommitted && error instanceof OperatorError
    this.#failure = { error, isOnTheWay, sinceMs, retryAtMs: now + waitMs }
    await this.#options.clock.sleep(waitMs, stop).catch(() => undefined)
  }
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve()
      },
      { once: true },
    )
  })
}
