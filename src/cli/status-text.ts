import type { Staleness } from '../changes/source.ts'
import type { MatchStatusLine, SourceStatusLine, Status } from '../daemon/status.ts'
import { durationText } from './progress-text.ts'

const grouped = new Intl.NumberFormat('en-US')

/** The status as people read it, a line for each thing. */
export function statusText({ leader, sources, matches, audits, deadLetters }: Status): string {
  const lines = [
    leader ? `leader   ${leader.holder}, term ${leader.term}, since ${leader.since}` : 'leader   nobody',
    ...sources.flatMap(sourceLines),
    ...matches.map(matchLine),
  ]
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

/** With what alerts should know: how far one change has reached, how many share a key, how long records wait. */
function matchLine(line: MatchStatusLine): string {
  const { match, model, state, wanted, matched, longestPath, largestBlock, queued, fannedOut, queueAgeMs } =
    line
  const parts = state === 'published' ? [`${grouped.format(matched)} matched`] : []
  if (longestPath > 0) parts.push(`longest path ${grouped.format(longestPath)}`)
  if (largestBlock > 0) parts.push(`largest block ${grouped.format(largestBlock)}`)
  if (queued > 0) parts.push(`${grouped.format(queued)} records wait`)
  if (fannedOut > 0) parts.push(`${grouped.format(fannedOut)} joined rows wait`)
  if (queueAgeMs !== null) parts.push(`for ${durationText(queueAgeMs / 1000)}`)
  // It is whole and kept up to date, but nobody has asked for it: nothing goes on that would ever end.
  const isReady = state === 'building' && !wanted && queued === 0 && fannedOut === 0
  const shown = isReady ? 'ready, not published' : state
  return `match    ${match}, model ${model} ${shown}${parts.length > 0 ? `: ${parts.join(' · ')}` : ''}`
}

function sourceLines(line: SourceStatusLine): string[] {
  const {
    source,
    live,
    state,
    lagMs,
    headroomMs,
    changes,
    positionAt,
    position,
    failure,
    stopped,
    undeleted,
  } = line
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
  if (live && line.staleness) parts.push(stalenessText(line.staleness))
  return [
    `source   ${source}: ${parts.join(' · ')}`,
    ...(position === null ? [] : [`         at ${position}`]),
    ...(live && failure
      ? [`         ${failure.message}`, ...(failure.hint === null ? [] : [`         ${failure.hint}`])]
      : []),
    ...Object.entries((live && stopped) || {}).map(
      ([stream, reason]) => `         ${stream} is not followed: ${reason}`,
    ),
    ...Object.entries((live && undeleted) || {}).map(
      ([stream, reason]) => `         nothing is deleted from ${stream}: ${reason}`,
    ),
  ]
}

/** Whether the bound is kept, and if it cannot be, why. */
function stalenessText({ oldestMs, boundMs, leastMs }: Staleness): string {
  const [oldest, least] = [durationText(oldestMs / 1000), durationText(leastMs / 1000)]
  if (boundMs === null) return `oldest page ${oldest}`
  const bound = `oldest page ${oldest} of ${durationText(boundMs / 1000)}`
  return leastMs <= boundMs
    ? bound
    : `${bound}, out of reach: with its budget and answers this fast its pages need ${least}`
}
