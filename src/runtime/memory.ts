import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Both halves of the young generation; with 32 MiB, its usual size, a snapshot needs 40 MiB more. */
const youngBytes = 8 * 1024 * 1024

/**
 * Keeps resident memory near what is really in use. The heap grows by a fifth, not by several times, between two
 * full collections: about a tenth more CPU time on a snapshot for a third less memory. And the young generation is
 * held at a quarter of its usual size: smaller still, it would be collected so often that a snapshot took 40% more CPU
 * time. Its limit can only be given to a process that starts, its growth can be ended at any time. V8 shrinks it to a
 * megabyte when little is allocated for a while, so it is watched for ever: one that stayed so small let half of what dies
 * soon grow old, and a daemon that followed changes met a full collection every 1.5 seconds instead of every 4.
 *
 * So small a generation is collected soonest by one thread, once it is full: two threads that wait for each other and for
 * the servers on the same machine, and collections ahead of time, took a tenth of the CPU time of a snapshot.
 *
 * To be called before anything large is allocated.
 */
export function growHeapSlowly(): void {
  setFlagsFromString('--heap-growing-percent=20')
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString('--no-minor-gc-task')
  let growing = true
  new PerformanceObserver(() => {
    const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
    const mayGrow = (young?.space_size ?? 0) < youngBytes
    if (mayGrow === growing) return
    growing = mayGrow
    setFlagsFromString(`--semi-space-growth-factor=${growing ? 2 : 1}`)
  }).observe({ entryTypes: ['gc'] })
}

type Collect = (options: { readonly type: 'minor' }) => unknown

let collect: Collect | null = null

/**
 * Collects the young generation, which takes a millisecond or two when little of it is alive: to be called when large
 * things have just died, buffers above all. They stand outside the heap and count towards its growth until they are
 * collected, so that a full collection comes although nothing grew.
 */
export function collectYoung(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    const exposed: unknown = runInNewContext('globalThis.gc')
    collect = typeof exposed === 'function' ? (exposed as Collect) : () => undefined
  }
  collect({ type: 'minor' })
}
