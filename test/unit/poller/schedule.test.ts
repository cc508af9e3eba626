import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startSchedule } from '../../../src/poller/schedule.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'

const begin = Date.parse('2017-03-26T00:02:30Z')
let ticks: string[]

beforeEach(() => {
  vi.useFakeTimers({ now: begin })
  ticks = []
})
afterEach(() => {
  vi.useRealTimers()
})

function start(
  expression: string,
  {
    jitterMs = 0,
    onTick = () => Promise.resolve(),
  }: { jitterMs?: number; onTick?: () => Promise<void> } = {},
): () => void {
  return startSchedule({
    ...{ name: 'vendor', expression, jitterMs, log: silentLogger },
    onTick: () => {
      ticks.push(new Date().toISOString())
      return onTick()
    },
  })
}

test('ticks when the expression says so, in UTC, until it is stopped', async () => {
  const stop = start('*/20 * * * *')
  await vi.advanceTimersByTimeAsync(60 * 60_000)
  expect(ticks.map((tick) => tick.slice(11, 19))).toEqual(['00:20:00', '00:40:00', '01:00:00'])
  stop()
  await vi.advanceTimersByTimeAsync(60 * 60_000)
  expect(ticks).toHaveLength(3)
})

test('knows no summer time: the hour that Berlin leaves out that night has its ticks', async () => {
  const stop = start('30 1,2 * * *')
  await vi.advanceTimersByTimeAsync(4 * 3_600_000)
  stop()
  expect(ticks.map((tick) => tick.slice(11, 16))).toEqual(['01:30', '02:30'])
})

test('leaves ticks out while the one before is not done', async () => {
  let finish: () => void = () => undefined
  const stop = start('*/5 * * * *', {
    onTick: () =>
      new Promise((resolve) => {
        finish = resolve
      }),
  })
  await vi.advanceTimersByTimeAsync(20 * 60_000)
  expect(ticks).toHaveLength(1)
  finish()
  await vi.advanceTimersByTimeAsync(5 * 60_000)
  stop()
  expect(ticks).toHaveLength(2)
})

test('comes up to the jitter later, and not always as much', async () => {
  const stop = start('*/5 * * * *', { jitterMs: 30_000 })
  await vi.advanceTimersByTimeAsync(2 * 3_600_000)
  stop()
  const late = ticks.map((tick) => Date.parse(tick) % 300_000)
  expect(late.length).toBeGreaterThan(20)
  expect(Math.max(...late)).toBeLessThanOrEqual(30_000)
  expect(new Set(late).size).toBeGreaterThan(5)
})
