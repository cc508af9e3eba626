import { expect, test } from 'vitest'
import { statusText } from '../../../src/cli/status-text.ts'
import type { Staleness } from '../../../src/changes/source.ts'

/** The line of a source that is read, as people see it. */
function lineOf(staleness: Staleness | null): string {
  const source = {
    source: 'vendor',
    live: true,
    state: 'waiting',
    position: null,
    positionAt: null,
    staleness,
  }
  const nothing = { leader: null, matches: [], queued: 0, audits: [], deadLetters: {} }
  return statusText({ ...nothing, sources: [source] }).split('\n')[1] ?? ''
}

test('a model that is whole and that nobody asked for is ready, not building', () => {
  const nothing = { leader: null, sources: [], queued: 0, audits: [], deadLetters: {} }
  const model = {
    ...{ match: 'people', model: 4, state: 'building', wanted: false, matched: 0 },
    ...{ longestPath: 0, largestBlock: 0, queued: 0, fannedOut: 0, queueAgeMs: null },
  }
  const lineOfMatch = (line: typeof model): string | undefined =>
    statusText({ ...nothing, matches: [line] }).split('\n')[1]
  expect(lineOfMatch(model)).toBe('match    people, model 4 ready, not published')
  expect(lineOfMatch({ ...model, queued: 3 })).toBe('match    people, model 4 building: 3 records wait')
  expect(lineOfMatch({ ...model, fannedOut: 1 })).toBe(
    'match    people, model 4 building: 1 joined rows wait',
  )
  expect(lineOfMatch({ ...model, wanted: true })).toBe('match    people, model 4 building')
})

test('a source that is read again and again tells its oldest page, the bound, and why that cannot be kept', () => {
  expect(lineOf(null)).toBe('source   vendor: waiting')
  expect(lineOf({ oldestMs: 90_000, boundMs: null, leastMs: 60_000 })).toMatch(/ · oldest page 1 min 30 s$/)
  expect(lineOf({ oldestMs: 90_000, boundMs: 1_800_000, leastMs: 60_000 })).toMatch(
    / · oldest page 1 min 30 s of 30 min 0 s$/,
  )
  expect(lineOf({ oldestMs: 90_000, boundMs: 60_000, leastMs: 120_000 })).toMatch(
    / of 1 min 0 s, out of reach: with its budget and answers this fast its pages need 2 min 0 s$/,
  )
})
