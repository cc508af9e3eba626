import { setFlagsFromString } from 'node:v8'

/**
 * Keeps resident memory near what is really in use. The heap grows by a quarter, not by several times, between two
 * full collections: about a tenth more CPU time on a snapshot for a third less memory. And the young generation stays
 * as small as it begins, instead of growing with the work: measured on snapshots, 40 MB less. To be called before
 * anything large is allocated.
 */
export function growHeapSlowly(): void {
  setFlagsFromString('--heap-growing-percent=25')
  setFlagsFromString('--semi-space-growth-factor=1')
}
