import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Memo, memoizePairs, numbering } from '../../../src/match/memo.ts'

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '\u{1F600}'), maxLength: 3 }),
  fc.string({ minLength: 10, maxLength: 80 }),
)

describe('remembering', () => {
  it('changes no result of a pure function, whatever has been forgotten', () => {
    let computed = 0
    let asked = 0
    fc.assert(
      fc.property(fc.array(text, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (texts, capacity) => {
        const remembered = new Memo((value) => {
          computed++
          return { value }
        }, capacity)
        for (const [place, value] of texts.entries()) {
          expect(remembered.get(value)).toEqual({ value })
          if (place % 7 === 6) remembered.forget()
        }
        asked += texts.length
      }),
    )
    expect(computed).toBeLessThan(asked)
  })

  it('of pairs keeps both values and their order apart', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 80 }),
        fc.integer({ min: 1, max: 8 }),
        (asked, capacity) => {
          const next = numbering()
          const values = Array.from({ length: 6 }, () => ({ number: next() }))
          const unnumbered = [...values, { number: null }]
          const remembered = memoizePairs((a: object, b: object) => [a, b], capacity)
          for (const [i, j] of asked) {
            const [a, b] = [unnumbered[i], unnumbered[j + (i % 2)]]
            if (a === undefined || b === undefined) throw new RangeError('no such value')
            const pair = remembered(a, b)
            expect(pair[0]).toBe(a)
            expect(pair[1]).toBe(b)
          }
        },
      ),
    )
  })

  it('holds no more than its capacity', () => {
    const computed: string[] = []
    const remembered = new Memo((value) => computed.push(value), 10)
    for (let i = 0; i < 1_000; i++) remembered.get(String(i))
    computed.length = 0
    for (let i = 999; i >= 0; i--) remembered.get(String(i))
    expect(computed.length).toBeGreaterThanOrEqual(990)
  })
})
