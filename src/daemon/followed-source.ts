import type { ChangeBatch } from '../changes/change-batch.ts'
import type { AuditPace, Source } from '../changes/source.ts'
import type { Clock } from '../runtime/clock.ts'
import { OperatorError, SynclineError, TransientError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
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

/** Bytes of batches that may wait for a commit, for each source. */
const bufferBytes = 2 * 1024 * 1024

const rateWindowMs = 10_000

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

/** A reading of a whole stream that somebody waits for. */
interface Whole {
  readonly purpose: 'resync' | 'audit'
  readonly stream: string
  /** Whether it has begun since it was asked for: what is judged before says nothing of it. */
  begun: boolean
  readonly resolve: () => void
  readonly reject: (error: OperatorError) => void
}

interface Failure {
  readonly error: SynclineError
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
  #failures = 0
  #done = false
  #changes = 0
  readonly #counts: { readonly atMs: number; readonly changes: number }[] = []
  readonly #load = new LoadProgress()
  #committedAtMs: number | null = null
  #lagMs: number | null = null
  #wholes: readonly Whole[] = []
  /** Stream → why what vanished from it is not deleted. */
  readonly #refusals = new Map<string, string>()

  constructor(options: FollowedSourceOptions) {
    this.#options = options
    this.source = options.wired.source
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

  /** Reads a stream anew; resolves when its end is committed. Throws when so much is gone that nothing is deleted. */
  async resync(stream: string, signal: AbortSignal): Promise<void> {
    await this.#readWhole('resync', stream, signal)
  }

  /** Reads a stream for comparison with its mirror; resolves when its end is committed. */
  async audit(stream: string, signal: AbortSignal, pace?: AuditPace): Promise<void> {
    await this.#readWhole('audit', stream, signal, pace)
  }

  /** How it is compared with the warehouse in the background; null if not at all. */
  get background(): NonNullable<WiredSource['audit']> | null {
    return this.#options.wired.audit ?? null
  }

  /** Whether a stream is not followed at present. */
  isStopped(stream: string): boolean {
    return this.#paused !== null || this.#stopped().has(stream)
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
    // It may be quiet for long after it came back, with nothing to commit.
    const back = (status?.heardAt ?? -Infinity) >= (this.#failure?.retryAtMs ?? Infinity)
    const failure = back ? null : this.#failure
    return {
      state: this.#paused
        ? 'paused'
        : failure
          ? 'failing'
          : (status?.state ?? (this.#done ? 'done' : 'reading')),
      loaded: this.loaded,
      changes: this.#changes,
      changesPerSecond: this.#perSecond(now),
      lagMs: this.#lagMs,
      committedAt: isoTime(this.#committedAtMs),
      heardAt: isoTime(status?.heardAt ?? null),
      headroomMs: status?.headroomMs ?? null,
      stopped: Object.fromEntries(this.#stopped()),
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

  async #readWhole(
    purpose: 'resync' | 'audit',
    stream: string,
    signal: AbortSignal,
    pace?: AuditPace,
  ): Promise<void> {
    const { source } = this
    const begin = source[purpose]?.bind(source)
    if (!begin) {
      throw new OperatorError({
        area: 'usage',
        code: `no-${purpose}`,
        message: `the source ${source.name} cannot read a stream as a whole while it follows`,
        hint: 'its own schedule does: see `syncline status`',
      })
    }
    const done = new Promise<void>((resolve, reject) => {
      this.#wholes = [...this.#wholes, { purpose, stream, begun: false, resolve, reject }]
    })
    begin(stream, pace)
    await Promise.race([done, untilAborted(signal)])
    signal.throwIfAborted()
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
    this.#load.begin()
    await runSource({
      source: this.source,
      after: await readPosition(reader, this.source.name),
      ledger: ledgerOf(reader, this.source.name),
      signal: stop,
      bufferBytes,
      onRead: ({ after }) => {
        this.#load.noteRead(after, this.#sourceIsLoaded)
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
    if (this.#failure) this.#log.info('goes on')
    this.#failure = null
    this.#failures = 0
    this.#changes += batch.changes.length
    this.#committedAtMs = now
    if (batch.committedAt !== null) this.#lagMs = Math.max(0, now - batch.committedAt)
    for (const change of batch.changes) if (change.kind === 'resync-begin') this.#begun(change.stream)
    for (const stream of judgedStreams(batch)) {
      const refusal = this.#options.leader.state.refusal(stream)
      this.#noteRefusal(stream, refusal)
      const isEnd = batch.changes.some((change) => change.kind === 'resync-end' && change.stream === stream)
      if (isEnd || refusal !== null) this.#ended('resync', stream, refusal)
    }
    if (batch.audit?.last) this.#ended('audit', batch.audit.stream, null)
  }

  #begun(stream: string): void {
    for (const whole of this.#wholes) {
      if (whole.purpose === 'resync' && whole.stream === stream) whole.begun = true
    }
  }

  /** Whoever follows goes on without deleting until somebody has decided. */
  #noteRefusal(stream: string, refusal: OperatorError | null): void {
    const isNew = refusal !== null && this.#refusals.get(stream) !== refusal.message
    if (isNew) this.#log.error({ code: refusal.code, stream, hint: refusal.hint }, refusal.message)
    if (refusal === null) this.#refusals.delete(stream)
    else this.#refusals.set(stream, refusal.message)
  }

  #stopped(): ReadonlyMap<string, string> {
    return new Map([...(this.source.status?.().stopped ?? []), ...this.#refusals])
  }

  #ended(purpose: Whole['purpose'], stream: string, refusal: OperatorError | null): void {
    this.#wholes = this.#wholes.filter((whole) => {
      const isIt = whole.purpose === purpose && whole.stream === stream
      if (!isIt || (refusal !== null && !whole.begun)) return true
      if (refusal === null) whole.resolve()
      else whole.reject(refusal)
      return false
    })
  }

  async #afterFailure(error: unknown, stop: AbortSignal): Promise<void> {
    if (!(error instanceof TransientError || error instanceof OperatorError)) throw error
    const now = this.#options.clock.now()
    const asked = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0
    const waitMs = Math.max(backoffMs(reopening, this.#failures++, Math.random), asked)
    const details = { code: error.code, hint: error.hint, retryInMs: Math.round(waitMs) }
    // Once in full; an outage must not fill the log.
    const isNew = this.#failure?.error.message !== error.message
    this.#log[isNew ? (error instanceof OperatorError ? 'error' : 'warn') : 'debug'](details, error.message)
    const sinceMs = this.#failure?.sinceMs ?? now
    this.#failure = { error, sinceMs, retryAtMs: now + waitMs }
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
