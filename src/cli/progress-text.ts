/** A phase as it is shown. */
export interface PhaseView {
  readonly phase: string
  readonly done: number
  readonly total: number | null
  readonly perSecond: number | null
  readonly secondsLeft: number | null
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `internal_user 412,000/1,000,000 · 231k/s · 3 s left | vendor pages 97/152` */
export function progressText(phases: readonly PhaseView[]): string {
  return phases.map(phaseText).join(' | ')
}

/** A phase that counts nothing is only named. */
export function countsNothing({ done, total }: Pick<PhaseView, 'done' | 'total'>): boolean {
  return done === 0 && total === null
}

function phaseText(view: PhaseView): string {
  const { phase, done, total, perSecond, secondsLeft } = view
  if (countsNothing(view)) return phase
  const count = total === null ? grouped.format(done) : `${grouped.format(done)}/${grouped.format(total)}`
  const parts = [`${phase} ${count}`]
  if (perSecond !== null && done !== total) parts.push(rateText(perSecond))
  if (secondsLeft !== null && secondsLeft > 0) parts.push(`${durationText(secondsLeft)} left`)
  return parts.join(' · ')
}

export function rateText(perSecond: number): string {
  if (perSecond >= 9_950_000) return `${Math.round(perSecond / 1e6)}M/s`
  if (perSecond >= 999_500) return `${(perSecond / 1e6).toFixed(1)}M/s`
  if (perSecond >= 9950) return `${Math.round(perSecond / 1000)}k/s`
  if (perSecond >= 999.5) return `${(perSecond / 1000).toFixed(1)}k/s`
  return perSecond >= 9.95 || Number.isInteger(perSecond)
    ? `${Math.round(perSecond)}/s`
    : `${perSecond.toFixed(1)}/s`
}

export function durationText(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
