import type { SourceProgress } from '../changes/source.ts'
import type { Clock } from '../runtime/clock.ts'
import type { WiredSource } from '../wiring.ts'

const progressMs = 200

/** Tells `onProgress` now and then how far the sources are, and which phase comes after them. */
export function reportProgress(
  sources: readonly WiredSource[],
  {
    clock,
    onProgress,
  }: {
    readonly clock: Clock
    readonly onProgress: ((progress: readonly SourceProgress[]) => void) | undefined
  },
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
