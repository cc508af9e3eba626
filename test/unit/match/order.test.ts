import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBytewise, comparePairs } from '../../../src/match/order.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 6 })

describe('the order of pairs', () => {
  it('compares ids as their UTF-8 bytes compare', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareBytewise(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 2000 },
    )
  })

  it('puts an astral character after U+E000 to U+FFFF, where UTF-16 units say otherwise', () => {
    expect(['\uffff', '\u{10000}'].sort()).toEqual(['\u{10000}', '\uffff'])
    expect(compareBytewise('\u{10000}', '\uffff')).toBeGreaterThan(0)
    expect(compareBytewise('\u{10000}', '\ue000')).toBeGreaterThan(0)
    expect(compareBytewise('\ud7ff', '\u{10000}')).toBeLessThan(0)
    expect(compareBytewise('a', 'ab')).toBeLessThan(0)
    expect(compareBytewise('10', '9')).toBeLessThan(0)
  })

  it('is by falling score, then left id, then right id', () => {
    const pair = (
      score: number,
      left: string,
      right: string,
    ): { score: number; left: string; right: string } => ({
      score,
      left,
      right,
    })
    const sorted = [
      pair(5, 'a', 'a'),
      pair(4, 'a', 'b'),
      pair(4, 'a', 'c'),
      pair(4, 'b', 'a'),
      pair(-1, 'a', 'a'),
    ]
    expect([...sorted].reverse().sort(comparePairs)).toEqual(sorted)
  })
})
