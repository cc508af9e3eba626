import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import type { ChangeBatch } from '../../src/changes/change-batch.ts'
import type { OpenOptions, Source } from '../../src/changes/source.ts'

/**
 * A source that follows for ever, made to end once it has delivered everything up to the moment of opening: what the
 * conformance suite takes for a run.
 */
export function untilCaughtUp(
  source: Source,
  isCaughtUp: (position: string | null, since: unknown) => boolean,
  now: () => Promise<unknown>,
): Source {
  async function* open({ after, ledger, signal }: OpenOptions): AsyncGenerator<ChangeBatch> {
    const since = signal.aborted ? null : await now()
    const stop = new AbortController()
    const batches = source.open({ after, ledger, signal: AbortSignal.any([signal, stop.signal]) })
    const iterator = batches[Symbol.asyncIterator]()
    let position = after
    const isDone = (): boolean => source.status?.().state === 'streaming' && isCaughtUp(position, since)
    try {
      for (;;) {
        const next = iterator.next()
        next.catch(() => undefined)
        // A source that has nothing to tell delivers nothing: it is looked at instead.
        const settled = new AbortController()
        const settle = (): void => {
          settled.abort()
        }
        next.then(settle, settle)
        while (!settled.signal.aborted && !isDone()) await delay(2)
        // Whatever it is delivering at this moment comes first.
        await turn()
        if (!settled.signal.aborted) return
        const result = await next
        if (result.done === true) return
        position = result.value.after
        yield result.value
      }
    } finally {
      stop.abort()
      await iterator.return?.().catch(() => undefined)
    }
  }
  return {
    name: source.name,
    streams: source.streams,
    position: source.position,
    open,
    progress: () => source.progress(),
    preflight: (signal) => source.preflight(signal),
    close: () => source.close(),
  }
}
