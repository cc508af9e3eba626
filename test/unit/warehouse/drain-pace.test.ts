import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DrainPace } from '../../../src/warehouse/drain-pace.ts'

describe('the pace at which the queue is drained', () => {
  it('comes to pieces of about 30 ms, whatever a record and a commit cost', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 2, noNaN: true }),
        fc.integer({ min: 1, max: 20 }),
        (record, commit) => {
          const pace = new DrainPace()
          const cost = (): number => commit + record * pace.records
          for (let piece = 0; piece < 50; piece++) pace.note(pace.records, cost())
          const isSmallest = pace.records === 40
          expect(cost() < 45 || isSmallest).toBe(true)
          expect(cost() > 20 || pace.records === 1_000).toBe(true)
        },
      ),
    )
  })

  it('never takes a piece of less than 40 records or more than 1,000', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1_000), fc.nat(100_000))), (pieces) => {
        const pace = new DrainPace()
        for (const [taken, ms] of pieces) {
          pace.note(taken, ms)
          expect(pace.records).toBeGreaterThanOrEqual(40)
          expect(pace.records).toBeLessThanOrEqual(1_000)
        }
      }),
    )
  })

  it('does not grow by pieces for which little was left', () => {
    const pace = new DrainPace()
    const before = pace.records
    for (let piece = 0; piece < 50; piece++) pace.note(1, 1)
    expect(pace.records).toBe(before)
  })
})
