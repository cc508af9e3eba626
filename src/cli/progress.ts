import type { SourceProgress } from '../changes/source.ts'
import type { Logger } from '../runtime/logger.ts'
import { countsNothing, progressText, type PhaseView } from './progress-text.ts'
import { Rate } from './rate.ts'
import type { StatusLine } from './status-line.ts'

export interface ProgressOptions {
  /** The terminal's last line, or null when stderr is no terminal: then the logger is told now and then. */
  readonly statusLine: StatusLine | null
  readonly log: Logger
  /** Milliseconds; only differences count. */
  readonly now: () => number
}

interface Phase {
  readonly rate: Rate
  readonly startedMs: number
  latest: SourceProgress
  ended: boolean
}

const repaintMs = 100
const logMs = 5000

/** Shows how far a run is: on a terminal one line, else a log line at most every 5 seconds and at the end of phases. */
export class Progress {
  readonly #options: ProgressOptions
  readonly #phases = new Map<string, Phase>()
  #shownMs: number

  constructor(options: ProgressOptions) {
    this.#options = options
    this.#shownMs = options.now() - (options.statusLine ? repaintMs : 0)
  }

  /** To be told often; shows at its own pace. A phase that is no longer named has ended. */
  update(progress: readonly SourceProgress[]): void {
    const now = this.#options.now()
    for (const latest of progress) {
      const phase = this.#phase(latest, now)
      phase.latest = latest
      phase.rate.add({ atMs: now, done: latest.done })
      if (latest.total !== null && latest.done === latest.total) this.#end(phase, now)
    }
    const named = new Set(progress.map(({ phase }) => phase))
    let ended = false
    for (const [name, phase] of this.#phases) {
      if (named.has(name) || phase.ended) continue
      this.#end(phase, now)
      ended = true
    }
    // What has ended leaves the line at once: it may be long until the next update.
    if (ended && this.#options.statusLine) this.#shownMs = now - repaintMs
    this.#show(now)
  }

  /** Clears the line; what follows may be other output. */
  finish(): void {
    const now = this.#options.now()
    for (const phase of this.#phases.values()) this.#end(phase, now)
    this.#options.statusLine?.clear()
  }

  #phase(latest: SourceProgress, now: number): Phase {
    const known = this.#phases.get(latest.phase)
    if (known) return known
    const phase = { rate: new Rate(), startedMs: now, latest, ended: false }
    this.#phases.set(latest.phase, phase)
    return phase
  }

  #end(phase: Phase, now: number): void {
    if (phase.ended) return
    phase.ended = true
    if (this.#options.statusLine) return
    const { phase: name, done } = phase.latest
    const counted = countsNothing(phase.latest) ? {} : { done }
    this.#options.log.info({ phase: name, ...counted, elapsedMs: now - phase.startedMs }, 'phase done')
  }

  #show(now: number): void {
    const { statusLine, log } = this.#options
    if (now - this.#shownMs < (statusLine ? repaintMs : logMs)) return
    const running = [...this.#phases.values()].filter(({ ended }) => !ended).map(view)
    if (running.length === 0 && !statusLine) return
    this.#shownMs = now
    if (statusLine) statusLine.show(progressText(running))
    else
      log.info(
        { phases: running.map((shown) => (countsNothing(shown) ? { phase: shown.phase } : shown)) },
        'progress',
      )
  }
}

function view({ rate, latest: { phase, done, total } }: Phase): PhaseView {
  const perSecond = rate.perSecond()
  const left = total === null ? null : total - done
  // An estimate that was overtaken says nothing about what is left.
  const known = left !== null && left >= 0 && perSecond !== null && perSecond > 0
  return {
    phase,
    done,
    total: left !== null && left < 0 ? null : total,
    perSecond: perSecond === null ? null : Math.round(perSecond * 10) / 10,
    secondsLeft: known ? Math.ceil(left / perSecond) : null,
  }
}
