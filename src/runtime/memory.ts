import { setFlagsFromString } from 'node:v8'

/**
 * Keeps resident memory near what is really in use: the heap grows by a quarter, not by several times, between two
 * full collections. Costs about a tenth more CPU time on a snapshot and saves a third of its memory. To be called
 * before anything large is allocated.
 */
export function growHeapSlowly(): void {
  setFlagsFromString('--heap-growing-percent=25')
}
