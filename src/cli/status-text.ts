import type { SourceStatusLine, Status } from '../daemon/status.ts'
import { durationText } from './progress-text.ts'

const grouped = new Intl.NumberFormat('en-US')

/** The status as people read it, a line for each thing. */
export function statusText({ leader, sources, matches, queued, audits, deadLetters }: Status): string {
  const lines = [
    leader ? `leader   ${leader.holder}, term ${leader.term}, since ${leader.since}` : 'leader   nobody',
    ...sources.flatMap(sourceLines),
    ...matches.map(
      ({ match, model, state, matched }) =>
        `match    ${match}: ${grouped.format(matched)} matched, model ${model} ${state}`,
    ),
  ]
  if (queued > 0) lines.push(`queue    ${grouped.format(queued)} records wait to be re-matched`)
  for (const [stream, count] of Object.entries(deadLetters)) {
    lines.push(`letters  ${stream}: ${grouped.format(count)} records could not be taken in`)
  }
  for (const { stream, finishedAt, compared, missing, different, extra } of audits) {
    if (finishedAt === null) continue
    const differ = missing + different + extra
    const outcome = differ === 0 ? 'all equal' : `${grouped.format(differ)} differ`
    lines.push(`verified ${stream}: ${grouped.format(compared)} rows, ${outcome}, ${finishedAt}`)
  }
  return `${lines.join('\n')}\n`
}

function sourceLines(line: SourceStatusLine): string[] {
  const { source, live, state, lagMs, headroomMs, changes, positionAt, position, failure, stopped } = line
  const parts = [live ? (state ?? 'reading') : 'not running']
  if (live && line.loaded === false) {
    for (const { phase, done, total } of line.progress ?? []) {
      parts.push(`${phase} ${grouped.format(done)}${total === null ? '' : `/${grouped.format(total)}`}`)
    }
  }
  if (live && lagMs != null) parts.push(`lag ${grouped.format(lagMs)} ms`)
  if (live && changes !== undefined) {
    parts.push(`${grouped.format(changes)} changes, ${grouped.format(line.changesPerSecond ?? 0)}/s`)
  }
  if (positionAt !== null) parts.push(`committed ${positionAt}`)
  if (live && headroomMs != null) parts.push(`headroom ${durationText(headroomMs / 1000)}`)
  return [
    `source   ${source}: ${parts.join(' · ')}`,
    ...(position === null ? [] : [`         at ${position}`]),
    ...(live && failure
      ? [`         ${failure.message}`, ...(failure.hint === null ? [] : [`         ${failure.hint}`])]
      : []),
    ...Object.entries((live && stopped) || {}).map(
      ([stream, reason]) => `         ${stream} is not followed: ${reason}`,
    ),
  ]
}
