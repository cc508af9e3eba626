import type { Clock } from '../runtime/clock.ts'
import type { Config } from '../config/config.ts'
import type { Logger } from '../runtime/logger.ts'
import { purgeFinishedCommands } from '../state/commands.ts'
import { purgeClosedDeadLetters } from '../state/dead-letters.ts'
import { fence } from '../state/lease.ts'
import { dropForgottenTables } from '../state/models.ts'
import { DrainPace } from '../warehouse/drain-pace.ts'
import { purgeMatchHistory } from '../warehouse/match-history.ts'
import { drainQueuePiece } from '../warehouse/rematch.ts'
import { tick } from '../warehouse/tick.ts'
import { publishWhole } from '../warehouse/versions.ts'
import { applyViews } from '../warehouse/views.ts'
import type { CommitTurns } from './commit-turns.ts'
import { today } from './day.ts'
import type { Leader } from './leader.ts'

/** How often closed dead letters, finished commands and the like are looked through. */
const housekeepingMs = 3_600_000

export interface MatchKeeperOptions {
  readonly config: Config
  readonly leader: Leader
  readonly turns: CommitTurns
  /** The day that counts as today, `YYYY-MM-DD`; null follows the clock. */
  readonly asOf: string | null
  /** Whether every source has been read at least once. */
  readonly loaded: () => boolean
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Everything that is written between the commits of sources, each piece in a turn of its own: what was put off to the
 * queue, a new day, versions that are whole, views, what is old enough to be forgotten.
 */
export class MatchKeeper {
  readonly #options: MatchKeeperOptions
  #wake: () => void = () => undefined
  #waiters: (() => void)[] = []
  readonly #pace = new DrainPace()
  #published = false
  #day: string | null = null
  #tidiedAtMs = -Infinity

  constructor(options: MatchKeeperOptions) {
    this.#options = options
  }

  /** To be told after each commit. */
  noteCommit(): void {
    this.#wake()
  }

  /** Resolves when nothing of what waited at the moment of asking waits any more; rejects when the signal aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        reject(signal.reason as Error)
      }
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      this.#waiters.push(() => {
        signal.removeEventListener('abort', abort)
        resolve()
      })
      this.#wake()
    })
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const woken = this.#woken(signal)
      const waiters = this.#waiters.splice(0)
      const drained = await this.#work(signal)
      if (drained === 0) for (const done of waiters) done()
      else this.#waiters.unshift(...waiters)
      if (drained === 0) await woken
    }
  }

  /** Returns how many records were re-matched that had been put off; when some were, there may be more. */
  async #work(signal: AbortSignal): Promise<number> {
    const { leader, turns, loaded, clock } = this.#options
    const { session } = leader.writer
    const drained = await turns.take(signal, async () => {
      const began = clock.now()
      const taken = await drainQueuePiece(session, leader.state, this.#pace.records)
      this.#pace.note(taken, clock.now() - began)
      return taken
    })
    const day = this.#options.asOf ?? today(clock)
    if (day !== this.#day) {
      await turns.take(signal, () => tick(session, leader.state, day))
      this.#day = day
    }
    if (drained === 0 && !this.#published && loaded()) await this.publish(signal)
    if (clock.now() - this.#tidiedAtMs >= housekeepingMs) {
      this.#tidiedAtMs = clock.now()
      await turns.take(signal, () => this.#tidy())
    }
    return drained
  }

  /** Resolves when all that is wanted is published. Commits may put off more before each try. */
  async publishWanted(signal: AbortSignal): Promise<void> {
    do {
      await this.drained(signal)
      await this.publish(signal)
    } while (!this.#published)
  }

  /** Publishes what is wanted and whole. Views follow when all is: they may need what only the new versions show. */
  async publish(signal: AbortSignal): Promise<void> {
    const { leader, turns, log } = this.#options
    const { session, reader, term } = leader.writer
    const { state } = leader
    await turns.take(signal, async () => {
      this.#published = await publishWhole(session, state, {
        beside: reader,
        onPublished: ({ plan, model }) => {
          log.info({ match: plan.name, model }, 'the match is published')
        },
      })
      if (!this.#published) return
      await session.transaction(async () => {
        await applyViews(session, state.schema, state.views)
        await fence(session, term)
      })
    })
  }

  async #tidy(): Promise<void> {
    const { leader, config } = this.#options
    const { session, term } = leader.writer
    await session.transaction(async () => {
      await purgeClosedDeadLetters(session, config.deadLetters.retentionMs)
      await purgeMatchHistory(session, config.matchHistory)
      await purgeFinishedCommands(session)
      await fence(session, term)
    })
    await dropForgottenTables(session)
  }

  /** Resolves at the next commit, or after a while in which something may have become due. */
  async #woken(signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    const commit = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    const pause = this.#options.clock.sleep(1_000, AbortSignal.any([signal, stop.signal]))
    await Promise.race([commit, pause.catch(() => undefined)])
    stop.abort()
  }
}
