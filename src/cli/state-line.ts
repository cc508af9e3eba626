import type { DaemonState } from '../daemon.ts'
import type { SourceReport } from '../daemon/source-report.ts'
import { progressText, rateText } from './progress-text.ts'

/** What a running daemon shows on the last line of a terminal. */
export function stateLine(state: DaemonState): string {
  switch (state.kind) {
    case 'standby':
      return `standby of ${state.holder}`
    case 'retrying':
      return `waiting: ${state.reason}`
    case 'leading':
      return [...state.sources].map(([name, report]) => `${name} ${reportText(report)}`).join(' | ')
    default:
      return state satisfies never
  }
}

function reportText({
  state,
  loaded,
  progress,
  lagMs,
  changes,
  changesPerSecond,
  failure,
}: SourceReport): string {
  if (failure) return `failing: ${failure.code}`
  if (!loaded && progress.length > 0) {
    return progressText(progress.map((phase) => ({ ...phase, perSecond: null, secondsLeft: null })))
  }
  const lag = lagMs === null ? '' : ` · lag ${lagMs} ms`
  return `${state} · ${changes.toLocaleString('en-US')} changes · ${rateText(changesPerSecond)}${lag}`
}
