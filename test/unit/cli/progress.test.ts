import { describe, expect, it } from 'vitest'
import { Progress } from '../../../src/cli/progress.ts'
import { commitsLeft } from '../../../src/daemon/run-progress.ts'
import { durationText, rateText } from '../../../src/cli/progress-text.ts'
import { StatusLine } from '../../../src/cli/status-line.ts'
import { createLogger } from '../../../src/runtime/logger.ts'

interface Terminal {
  readonly stream: { readonly columns: number; readonly write: (text: string) => void }
  readonly writes: string[]
  /** What its last line says. */
  readonly screen: () => string
}

function terminal(columns: number): Terminal {
  const writes: string[] = []
  return {
    stream: { columns, write: (text) => writes.push(text) },
    writes,
    screen: () => (writes.at(-1) ?? '').replace('\r', '').replace('\u001b[K', ''),
  }
}

function setUp({ columns = 120, isTerminal = true } = {}): {
  progress: Progress
  at: (ms: number) => void
  statusLine: StatusLine
  logged: Record<string, unknown>[]
} & Terminal {
  const output = terminal(columns)
  const logged: Record<string, unknown>[] = []
  const log = createLogger('info', {
    write: (line) => {
      const record = JSON.parse(line) as Record<string, unknown>
      delete record['level']
      delete record['time']
      logged.push(record)
    },
  })
  let nowMs = 0
  const statusLine = new StatusLine(output.stream)
  const progress = new Progress({ statusLine: isTerminal ? statusLine : null, log, now: () => nowMs })
  const at = (ms: number): void => {
    nowMs = ms
  }
  return { ...output, progress, at, statusLine, logged }
}

const users = (done: number): { phase: string; done: number; total: number } => ({
  phase: 'internal_user',
  done,
  total: 1_000_000,
})
const pages = (done: number): { phase: string; done: number; total: number } => ({
  phase: 'vendor pages',
  done,
  total: 152,
})

describe('progress on a terminal', () => {
  it('is one line with rows, rate and time left for each phase', () => {
    const { progress, at, screen } = setUp()
    progress.update([users(0), pages(0)])
    at(2000)
    progress.update([users(412_000), pages(100)])
    expect(screen()).toBe(
      'internal_user 412,000/1,000,000 · 206k/s · 3 s left | vendor pages 100/152 · 50/s · 2 s left',
    )
  })

  it('drops a phase that has ended and forgets its rate', () => {
    const { progress, at, screen, logged } = setUp()
    progress.update([users(0), pages(0)])
    at(1000)
    progress.update([users(1000), pages(152)])
    expect(screen()).toBe('internal_user 1,000/1,000,000 · 1.0k/s · 16 min 39 s left')
    at(2000)
    progress.update([{ phase: 'matching', done: 0, total: null }])
    expect(screen()).toBe('matching')
    expect(logged).toEqual([])
  })

  it('says nothing of the time left when a total was only an estimate', () => {
    const { progress, at, screen } = setUp()
    progress.update([{ phase: 'a', done: 0, total: 10 }])
    at(1000)
    progress.update([{ phase: 'a', done: 12, total: 10 }])
    expect(screen()).toBe('a 12 · 12/s')
  })

  it('is never wider than the terminal', () => {
    const { progress, at, writes, screen } = setUp({ columns: 20 })
    progress.update([users(0)])
    at(1000)
    progress.update([users(5)])
    expect(screen()).toBe('internal_user 5/1,…')
    expect(screen()).toHaveLength(19)
    expect(writes.every((text) => !text.includes('\n'))).toBe(true)
  })

  it('takes 80 columns for a terminal that does not know its width', () => {
    const { progress, screen } = setUp({ columns: 0 })
    progress.update([{ phase: 'x'.repeat(100), done: 1, total: null }])
    expect(screen()).toBe(`${'x'.repeat(78)}…`)
  })

  it('is repainted at most ten times a second, in one write, and only when it changed', () => {
    const { progress, at, writes } = setUp()
    for (let ms = 0; ms < 1000; ms += 10) {
      at(ms)
      progress.update([users(ms * 100)])
    }
    expect(writes.length).toBeGreaterThan(5)
    expect(writes.length).toBeLessThanOrEqual(10)
    const before = writes.length
    at(5000)
    progress.update([{ phase: 'matching', done: 0, total: null }])
    at(6000)
    progress.update([{ phase: 'matching', done: 0, total: null }])
    expect(writes.length).toBe(before + 1)
    expect(writes.at(-1)).toBe('\rmatching\u001b[K')
  })

  it('makes way for other output and comes back beneath it', () => {
    const { progress, statusLine, writes } = setUp()
    progress.update([users(1)])
    statusLine.write('a warning\n')
    expect(writes.at(-1)).toBe('\r\u001b[Ka warning\ninternal_user 1/1,000,000')
    progress.finish()
    expect(writes.at(-1)).toBe('\r\u001b[K')
    statusLine.write('the end\n')
    expect(writes.at(-1)).toBe('the end\n')
  })

  it('does not let a name move the cursor', () => {
    const { progress, writes } = setUp()
    progress.update([{ phase: 'a\n\u001b[2Jb', done: 1, total: null }])
    expect(writes.join('')).toBe('\ra  [2Jb 1\u001b[K')
  })
})

it('what has ended leaves the line although nothing follows', () => {
  const { progress, at, screen } = setUp()
  progress.update([users(16_000)])
  at(10)
  progress.update([])
  expect(screen()).toBe('')
})

it('after the last record is read, committing is a phase', () => {
  expect(commitsLeft([{ phase: 'a', done: 3, total: 3 }])).toEqual([
    { phase: 'committing', done: 0, total: null },
  ])
  expect(commitsLeft([{ phase: 'a', done: 2, total: 3 }])).toEqual([])
  expect(commitsLeft([])).toEqual([])
})

describe('progress elsewhere', () => {
  it('says nothing of a count where nothing is counted', () => {
    const { progress, at, logged } = setUp({ isTerminal: false })
    progress.update([{ phase: 'matching', done: 0, total: null }])
    at(5000)
    progress.update([{ phase: 'matching', done: 0, total: null }])
    progress.finish()
    expect(logged).toEqual([
      { phases: [{ phase: 'matching' }], msg: 'progress' },
      { phase: 'matching', elapsedMs: 5000, msg: 'phase done' },
    ])
  })

  it('is a log line at most every 5 seconds and at the end of each phase', () => {
    const { progress, at, logged, writes } = setUp({ isTerminal: false })
    for (let ms = 0; ms <= 12_000; ms += 200) {
      at(ms)
      progress.update([users(ms * 10), pages(Math.min(152, ms / 50))])
    }
    progress.finish()
    expect(logged).toEqual([
      {
        phases: [
          { phase: 'internal_user', done: 50_000, total: 1_000_000, perSecond: 10_000, secondsLeft: 95 },
          { phase: 'vendor pages', done: 100, total: 152, perSecond: 20, secondsLeft: 3 },
        ],
        msg: 'progress',
      },
      { phase: 'vendor pages', done: 152, elapsedMs: 7600, msg: 'phase done' },
      {
        phases: [
          { phase: 'internal_user', done: 100_000, total: 1_000_000, perSecond: 10_000, secondsLeft: 90 },
        ],
        msg: 'progress',
      },
      { phase: 'internal_user', done: 120_000, elapsedMs: 12_000, msg: 'phase done' },
    ])
    expect(writes).toEqual([])
  })
})

it.each([
  [231_000, '231k/s'],
  [1_234_567, '1.2M/s'],
  [999, '999/s'],
  [1500, '1.5k/s'],
  [0.5, '0.5/s'],
  [12.4, '12/s'],
])('the rate %j is %j', (rate, text) => {
  expect(rateText(rate)).toBe(text)
})

it.each([
  [3, '3 s'],
  [80, '1 min 20 s'],
  [7500, '2 h 5 min'],
])('%j seconds are %j', (seconds, text) => {
  expect(durationText(seconds)).toBe(text)
})
