import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { greedy } from '../../../src/match/assign.ts'
import { comparePairs, type ScoredPair } from '../../../src/match/order.ts'
import { decideWave, type RecordRef, type Window } from '../../../src/match/wave.ts'
import { fallingPath } from '../../support/falling-path.ts'
import { tries } from '../../support/property.ts'

/** The stored state as the follower sees it: pairs, and who is matched with whom. */
class Board {
  pairs: ScoredPair[] = []
  assigned = new Map<string, ScoredPair>()

  /** Replaces all pairs of these records; ends matches whose pair is gone. Returns who is dirty. */
  change(records: readonly RecordRef[], pairs: readonly ScoredPair[]): RecordRef[] {
    const isChanged = (pair: ScoredPair): boolean =>
      records.some(({ side, id }) => (side === 'l' ? pair.left : pair.right) === id)
    this.pairs = [...this.pairs.filter((pair) => !isChanged(pair)), ...pairs.filter(isChanged)]
    const dirty = [...records]
    for (const pair of new Set(this.assigned.values())) {
      const now = this.pairs.find(({ left, right }) => left === pair.left && right === pair.right)
      if (now?.score === pair.score) continue
      this.assigned.delete(`l${pair.left}`)
      this.assigned.delete(`r${pair.right}`)
      if (now) this.put(now)
      dirty.push({ side: 'l', id: pair.left }, { side: 'r', id: pair.right })
    }
    return dirty
  }

  put(pair: ScoredPair): void {
    this.assigned.set(`l${pair.left}`, pair)
    this.assigned.set(`r${pair.right}`, pair)
  }

  /** The best `limit` pairs of a record that both ends prefer to what they have. */
  window({ side, id }: RecordRef, limit: number): Window {
    const other = side === 'l' ? 'r' : 'l'
    const partnerOf = (pair: ScoredPair): string => (side === 'l' ? pair.right : pair.left)
    const heldOf = (key: string, end: 'l' | 'r'): Window['held'] => {
      const held = this.assigned.get(key)
      return held ? { id: end === 'l' ? held.right : held.left, score: held.score } : null
    }
    const beats = (pair: ScoredPair, key: string): boolean => {
      const held = this.assigned.get(key)
      return held === undefined || comparePairs(pair, held) < 0
    }
    const options = this.pairs
      .filter((pair) => (side === 'l' ? pair.left : pair.right) === id)
      .filter((pair) => beats(pair, side + id) && beats(pair, other + partnerOf(pair)))
      .sort(comparePairs)
      .slice(0, limit)
      .map((pair) => ({
        partner: { id: partnerOf(pair), score: pair.score },
        held: heldOf(other + partnerOf(pair), other),
      }))
    return { side, id, held: heldOf(side + id, side), options, complete: options.length < limit }
  }

  /** Runs waves until nobody is dirty. Returns how many. */
  follow(records: readonly RecordRef[], limit: number): number {
    let dirty = records
    for (let waves = 0; ; waves++) {
      const windows = dirty
        .map((record) => this.window(record, limit))
        .filter(({ options }) => options.length > 0)
      if (windows.length === 0) return waves
      const wave = decideWave(windows)
      for (const { side, id } of wave.freed) this.assigned.delete(side + id)
      for (const pair of wave.assigned) this.put(pair)
      dirty = wave.dirty
    }
  }

  matching(): ScoredPair[] {
    return [...new Set(this.assigned.values())].sort(comparePairs)
  }
}

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const id = fc.constantFrom(...ids)
/** Few scores, so that ties abound. */
const pairs = fc.uniqueArray(fc.record({ left: id, right: id, score: fc.integer({ min: 1, max: 4 }) }), {
  selector: ({ left, right }) => `${left} ${right}`,
  maxLength: 40,
})
const record = fc.record({ side: fc.constantFrom('l' as const, 'r' as const), id })
const batch = fc.record({ records: fc.array(record, { minLength: 1, maxLength: 5 }), pairs })

describe('deciding waves', () => {
  it('makes the greedy assignment after every batch of changes, whatever the windows show at a time', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 8 }), fc.integer({ min: 1, max: 4 }), (batches, limit) => {
        const board = new Board()
        for (const { records, pairs: replaced } of batches) {
          const dirty = board.change(records, replaced)
          board.follow(dirty, limit)
          expect(board.matching()).toEqual(greedy(board.pairs).sort(comparePairs))
          for (const [key, pair] of board.assigned) {
            expect(key.startsWith('l') ? pair.left : pair.right).toBe(key.slice(1))
          }
        }
      }),
      tries(5_000),
    )
  })

  it('gives the same when the dirty records come in pieces, in any order', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 5 }), fc.infiniteStream(fc.nat()), (batches, order) => {
        const board = new Board()
        for (const { records, pairs: replaced } of batches) {
          const dirty = board.change(records, replaced)
          while (dirty.length > 0) {
            const [next] = dirty.splice((order.next().value as number) % dirty.length, 1)
            if (next) board.follow([next], 2)
          }
          expect(board.matching()).toEqual(greedy(board.pairs).sort(comparePairs))
        }
      }),
      tries(2_000),
    )
  })

  it('changes along one falling path when one record comes or goes', () => {
    fc.assert(
      fc.property(pairs, record, (all, { side, id: changed }) => {
        const isOf = (pair: ScoredPair): boolean => (side === 'l' ? pair.left : pair.right) === changed
        const without = greedy(all.filter((pair) => !isOf(pair)))
        const after = greedy(all)
        fallingPath(without, after, isOf)
      }),
      tries(5_000),
    )
  })

  it('is the prefix of the assignment at any lower threshold', () => {
    fc.assert(
      fc.property(pairs, fc.integer({ min: 1, max: 5 }), (all, threshold) => {
        const cut = greedy(all).filter(({ score }) => score >= threshold)
        expect(greedy(all, threshold)).toEqual(cut)
      }),
      tries(2_000),
    )
  })

  it('follows a chain of a thousand in as many waves, with a handful of records at a time', () => {
    const board = new Board()
    const name = (n: number): string => String(n).padStart(5, '0')
    const chain = Array.from({ length: 1_000 }, (_, n) => [
      { left: name(n), right: name(n), score: 10_000 - 2 * n },
      { left: name(n + 1), right: name(n), score: 9_999 - 2 * n },
    ]).flat()
    const rest = chain.slice(1)
    const lefts = [...new Set(rest.map(({ left }) => left))].map((left) => ({ side: 'l' as const, id: left }))
    board.follow(board.change(lefts, rest), 16)
    const dirty = board.change([{ side: 'l', id: name(0) }], chain)
    expect(board.follow(dirty, 16)).toBeGreaterThan(900)
    expect(board.matching()).toEqual(greedy(chain).sort(comparePairs))
  })
})
