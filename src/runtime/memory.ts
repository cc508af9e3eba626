import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Both halves of the young generation: V8's default is four times as much. */
const youngBytes = 8 * 2 ** 20

/**
 * Keeps resident memory near what is really in use: the heap grows by a quarter, not by several times, between two
 * full collections, and the young generation stops growing early. Costs about a fifth more CPU time on a snapshot and
 * saves a third of its memory. To be called before anything large is allocated.
 *
 * By flags that V8 reads each time it decides, since those on the size itself are read before any of our code runs:
 * `--max-semi-space-size` would have to stand in every unit, image and script that starts the program.
 */
export function growHeapSlowly(): void {
  setFlagsFromString('--heap-growing-percent=25')
  const collections = new PerformanceObserver(() => {
    const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
    if (young === undefined || young.space_size < youngBytes) return
    setFlagsFromString('--semi-space-growth-factor=1')
    collections.disconnect()
  })
  collections.observe({ entryTypes: ['gc'] })
}
