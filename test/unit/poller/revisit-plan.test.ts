import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { simulateYear, type Policy, type YearOptions } from '../../../bench/poll/year.ts'
import type { Json } from '../../../src/changes/ledger.ts'
import { ChangeRates } from '../../../src/poller/change-rates.ts'
import { RevisitPlan } from '../../../src/poller/revisit-plan.ts'
import { nextTurn } from '../../../src/poller/turn.ts'

const day = 86_400_000

describe('the plan of single reads', () => {
  test('never leaves a page unread for longer than the bound, whatever changes and whenever a sweep begins', () => {
    const setting = fc.record({
      pages: fc.integer({ min: 1, max: 40 }),
      spacingMs: fc.integer({ min: 1, max: 1000 }),
      looseness: fc.double({ min: 2, max: 8, noNaN: true }),
      changes: fc.infiniteStream(fc.nat({ max: 50 })),
      sweepAfter: fc.infiniteStream(fc.integer({ min: 1, max: 300 })),
    })
    fc.assert(
      fc.property(setting, ({ pages, spacingMs, looseness, changes, sweepAfter }) => {
        const maxStalenessMs = Math.ceil(pages * spacingMs * looseness) + 2 * spacingMs
        const next = <T>(stream: Iterator<T>): T => (stream.next() as IteratorYieldResult<T>).value
        const plan = new RevisitPlan(new ChangeRates(), { maxStalenessMs, spacingMs })
        plan.setPages(pages, (page) => page * spacingMs)
        expect(plan.isBoundOutOfReach).toBe(false)
        let now = pages * spacingMs
        const read = (page: number): void => {
          const before = plan.readAt(page) ?? 0
          expect(now - before).toBeLessThanOrEqual(maxStalenessMs)
          plan.rates.note(page, { changes: next(changes), elapsedMs: now - before, now })
          plan.note(page, now)
          now += spacingMs
        }
        for (let sweeps = 0; sweeps < 4; sweeps++) {
          for (let left = next(sweepAfter); left > 0; left--) read(plan.next(now) ?? 1)
          for (let page = 1; page <= pages; page++) read(page)
        }
      }),
    )
  })

  test('keeps the bound also where answers are slow, by pages as long as they come in time, else by sweeps', () => {
    const setting = fc.record({
      pages: fc.integer({ min: 1, max: 40 }),
      spacingMs: fc.constantFrom(0, 1, 100, 1000),
      sweepMs: fc.integer({ min: 1, max: 1000 }),
      concurrency: fc.integer({ min: 1, max: 8 }),
      looseness: fc.double({ min: 1, max: 4, noNaN: true }),
      isEven: fc.infiniteStream(fc.boolean()),
      sweeps: fc.infiniteStream(fc.nat({ max: 40 })),
    })
    fc.assert(
      fc.property(setting, ({ pages, spacingMs, sweepMs, concurrency, looseness, isEven, sweeps }) => {
        const readMs = sweepMs * concurrency
        const paceMs = Math.max(sweepMs, spacingMs)
        const maxStalenessMs = (2 * pages + 4) * paceMs * looseness + 2 * readMs
        const plan = new RevisitPlan(new ChangeRates(), { maxStalenessMs, spacingMs })
        plan.setPages(pages, (page) => page * paceMs)
        plan.noteSweepPace({ sweepMs, readMs })
        expect(plan.isBoundOutOfReach).toBe(false)
        let now = pages * paceMs
        let nextAt = now
        const read = (page: number, ms: number): void => {
          nextAt = now + spacingMs
          now += ms
          expect(now - (plan.readAt(page) ?? 0)).toBeLessThanOrEqual(maxStalenessMs)
          plan.note(page, now)
        }
        for (let turns = 0; turns < 300; turns++) {
          const sweep = sweeps.next().value === 0
          const gateMs = Math.max(0, nextAt - now)
          const turn = nextTurn(plan, { now, sweep, isAddressable: true, gateMs })
          if (turn.kind === 'wait') now += turn.ms
          else if (turn.kind === 'sweep') {
            for (let page = 1; page <= pages; page++) read(page, paceMs)
          } else {
            const ms = isEven.next().value === true ? readMs : readMs / 2
            read(turn.page, ms)
            plan.noteReadPace(ms)
          }
        }
      }),
    )
  })

  test('reads in turn where nothing is known', () => {
    const plan = new RevisitPlan(new ChangeRates(), { maxStalenessMs: null, spacingMs: 1000 })
    plan.setPages(20, (page) => page)
    for (let read = 0; read < 60; read++) {
      const now = 1000 * (read + 1)
      expect(plan.next(now)).toBe((read % 20) + 1)
      plan.note((read % 20) + 1, now)
    }
  })

  test('reads more often where more changes, and everything now and then', () => {
    const plan = new RevisitPlan(new ChangeRates(), { maxStalenessMs: null, spacingMs: 1000 })
    plan.setPages(20, () => 0)
    const reads = new Array<number>(21).fill(0)
    for (let now = 1000; now <= 4_000_000; now += 1000) {
      const page = plan.next(now) ?? 0
      const elapsedMs = now - (plan.readAt(page) ?? 0)
      plan.rates.note(page, { changes: page === 3 ? Math.round(elapsedMs / 1000) : 0, elapsedMs, now })
      plan.note(page, now)
      reads[page] = (reads[page] ?? 0) + 1
    }
    const others = reads.slice(9)
    expect(reads[3]).toBeGreaterThan(4 * Math.max(...others))
    expect(Math.min(...others)).toBeGreaterThan(10)
  })

  test('without a budget reads a page only when the bound asks for it', () => {
    const plan = new RevisitPlan(new ChangeRates(), { maxStalenessMs: 1000, spacingMs: 0 })
    plan.setPages(3, (page) => page * 10)
    expect([plan.next(1000), plan.msToBound(1000)]).toEqual([null, 10])
    expect(plan.next(1010)).toBe(1)
    plan.note(1, 1010)
    expect([plan.next(1010), plan.msToBound(1010)]).toEqual([null, 10])
  })
})

describe('the rates of change', () => {
  test('outlive a restart', () => {
    const rates = new ChangeRates()
    rates.setPages(30)
    for (let page = 1; page <= 30; page++) rates.note(page, { changes: page, elapsedMs: day, now: day })
    const again = ChangeRates.parse(JSON.parse(JSON.stringify(rates.stored(2 * day))) as Json)
    again.setPages(30)
    for (let page = 1; page <= 30; page++) {
      expect(again.rateOf(page) / rates.rateOf(page)).toBeCloseTo(1, 1)
    }
  })

  test('are kept for a bounded number of regions, whatever the number of pages', () => {
    const rates = new ChangeRates()
    for (const pages of [10, 1000, 1025, 50_000, 1_000_000]) {
      rates.setPages(pages)
      rates.note(pages, { changes: 5, elapsedMs: 1000, now: 1000 })
      expect(rates.rateOf(1)).toBeGreaterThan(0)
      expect((rates.stored(0) as { changes: number[] }).changes.length).toBeLessThanOrEqual(1024)
    }
    rates.note(1_000_000, { changes: 50, elapsedMs: 1000, now: 1000 })
    rates.setPages(1_000_000)
    expect(rates.rateOf(1_000_000)).toBeGreaterThan(2 * rates.rateOf(500_000))
  })
})

describe('a simulated season', () => {
  const season: Omit<YearOptions, 'rateAt'> = {
    ...{ records: 6000, pageSize: 100, changesPerDay: 600, movesPerDay: 30 },
    ...{ spacingMs: 60_000, days: 90, seed: 5 },
  }
  const staleness = (policy: Policy, rateAt: (place: number) => number): number =>
    simulateYear({ ...season, rateAt }, policy).staleness

  test('of rates that differ brings most of what is to be gained by knowing them', () => {
    const rateAt = (place: number): number => (place + 1) ** -1.2
    const robin = staleness('round-robin', rateAt)
    const gain = (robin - staleness('adaptive', rateAt)) / (robin - staleness('true-rates', rateAt))
    expect(gain).toBeGreaterThan(0.8)
  })

  test('of equal rates costs next to nothing', () => {
    const even = (): number => 1
    expect(staleness('adaptive', even) / staleness('round-robin', even)).toBeLessThan(1.05)
  })
})
