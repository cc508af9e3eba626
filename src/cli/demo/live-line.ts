import type { LiveState } from './run-live.ts'
import { rateText } from '../progress-text.ts'

const grouped = new Intl.NumberFormat('en-US')

/** `1,234 changes made | internal streaming, 1,200 taken in, lag 8 ms | vendor … | 2,991 matched, 1,420 active on both` */
export function liveLine({ made, sources, matched, overlap }: LiveState): string {
  const parts = [...sources].map(([name, { state, changes, lagMs, changesPerSecond }]) =>
    [
      `${name} ${state}`,
      `${grouped.format(changes)} taken in`,
      ...(changesPerSecond > 0 ? [rateText(changesPerSecond)] : []),
      ...(lagMs === null ? [] : [`lag ${grouped.format(lagMs)} ms`]),
    ].join(', '),
  )
  return [
    `${grouped.format(made)} changes made`,
    ...parts,
    `${grouped.format(matched)} matched, ${grouped.format(overlap)} active on both`,
  ].join(' | ')
}
