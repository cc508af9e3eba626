import type { ChangeBatch } from '../../src/changes/change-batch.ts'
import { StoppingError } from '../../src/runtime/errors.ts'
import type { HttpSource } from '../../src/poller/source.ts'
import type { Mirror } from './mirror.ts'

/** A source that follows, read into a mirror in the background as a run does it. */
export class FollowedIntoMirror {
  readonly batches: ChangeBatch[] = []
  readonly #mirror: Mirror
  readonly #stop = new AbortController()
  readonly #source: HttpSource
  readonly #ended: Promise<unknown>
  #waiting: (() => void)[] = []

  constructor(source: HttpSource, mirror: Mirror) {
    this.#source = source
    this.#mirror = mirror
    this.#ended = this.#read().then(
      () => null,
      (error: unknown) => error,
    )
  }

  async #read(): Promise<void> {
    const { signal } = this.#stop
    const options = { after: this.#mirror.position, ledger: this.#mirror.ledger(), signal }
    for await (const batch of this.#source.open(options)) {
      if (!this.#mirror.apply(batch))
        throw new Error(`the batch after ${String(batch.before)} does not follow`)
      this.batches.push(batch)
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  /** Waits until the condition holds, looking at it after each batch; fails if the source ends first. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const next = new Promise<void>((resolve) => this.#waiting.push(resolve))
      const ended = this.#ended.then((error) => {
        throw error instanceof Error ? error : new Error('the source ended')
      })
      await Promise.race([next, ended])
    }
  }

  /** Sweeps that ended by now. */
  get sweeps(): number {
    return this.batches.filter(
      ({ after, ledger }) => /"page":0\}$/.test(after) && ledger.some(({ key }) => key === 'sweep'),
    ).length
  }

  /** Why what vanished was not deleted when that was last judged; null: it was, or nothing had vanished. */
  get refusal(): string | null {
    return this.batches.findLast(({ vanished }) => vanished !== undefined)?.vanished?.refusal?.message ?? null
  }

  /** Changes of this kind by now. */
  count(kind: string): number {
    return this.batches.flatMap(({ changes }) => changes).filter((change) => change.kind === kind).length
  }

  /** Stops it as a signal does, and closes it. Throws what it failed with. */
  async stop(): Promise<void> {
    this.#stop.abort()
    const error = await this.#ended
    await this.#source.close()
    if (error !== null && !(error instanceof StoppingError)) throw error as Error
  }
}

/** A schedule that ticks when the test says so. */
export function manualSchedule(): {
  readonly startSchedule: (onTick: () => void) => () => void
  readonly tick: () => void
} {
  let onTick: (() => void) | null = null
  return {
    startSchedule: (listener) => {
      onTick = listener
      return () => (onTick = null)
    },
    tick: () => onTick?.(),
  }
}
