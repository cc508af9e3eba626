import type { Side } from '../state/key-table.ts'
import { comparePairs, type ScoredPair } from './order.ts'

/** What the other end of a pair is, or is matched with. */
export interface End {
  readonly id: string
  readonly score: number
}

/** A pair as seen from one of its ends. */
export interface Option {
  readonly partner: End
  /** What the partner is matched with at present; null while it is free. */
  readonly held: End | null
}

/** A dirty record and the best pairs that both its ends prefer to what they have, best first. */
export interface Window {
  readonly side: Side
  readonly id: string
  /** What the record is matched with at present; null while it is free. */
  readonly held: End | null
  readonly options: readonly Option[]
  /** Whether there are no further such pairs. */
  readonly complete: boolean
}

export interface RecordRef {
  readonly side: Side
  readonly id: string
}

export interface Wave {
  /** New matches; those that they displace are gone. */
  readonly assigned: readonly ScoredPair[]
  /** Records that were matched and are not any more. */
  readonly freed: readonly RecordRef[]
  /** Records for which a better pair may still be found. */
  readonly dirty: readonly RecordRef[]
}

/**
 * One step towards the stable assignment: takes the options of all windows, best first, wherever both ends still
 * prefer them to what they have.
 *
 * Invariant: every blocking pair (one that both its ends prefer) has a dirty end. It holds at the start if all records
 * whose pairs changed are dirty. Taking a blocking pair worsens only the two records that it displaces, and these
 * become dirty. A record, free or matched, leaves when none of its pairs blocks: options are taken best first, so what
 * blocked it before in this wave is never displaced by what comes after. When no record is dirty no pair blocks, and
 * by the strict order there is exactly one such assignment, the greedy one. Each step puts in a pair above all that it
 * puts out, so the steps end.
 *
 * The earlier rule, only free records are dirty, is wrong: a matched record whose pair became better than another's
 * would never claim it.
 */
export function decideWave(windows: readonly Window[]): Wave {
  const holding = new Holding(windows)
  const options = windows.flatMap((window) => window.options.map((option) => pairOf(window, option.partner)))
  for (const pair of options.sort(comparePairs)) holding.takeIfBlocking(pair)
  const changes = holding.changes()
  const dirty = new Map(changes.freed.map((record) => [keyOf(record), record]))
  for (const window of windows) {
    if (!window.complete && mayImprove(window, holding)) dirty.set(keyOf(window), window)
  }
  return { ...changes, dirty: [...dirty.values()].map(({ side, id }) => ({ side, id })) }
}

/** Beyond the last option there are only worse ones. */
function mayImprove(window: Window, holding: Holding): boolean {
  const held = holding.of(window)
  const last = window.options.at(-1)
  return held === null || last === undefined || comparePairs(held, pairOf(window, last.partner)) > 0
}

function pairOf({ side, id }: RecordRef, partner: End): ScoredPair {
  const { score } = partner
  return side === 'l' ? { left: id, right: partner.id, score } : { left: partner.id, right: id, score }
}

const keyOf = ({ side, id }: RecordRef): string => side + id

/** Who is matched with whom, as far as the windows tell, and what became of it. */
class Holding {
  /** Record → its match before the wave; null: free. */
  readonly #before = new Map<string, ScoredPair | null>()
  readonly #now = new Map<string, ScoredPair | null>()

  constructor(windows: readonly Window[]) {
    for (const window of windows) {
      this.#know(window, window.held)
      const side = window.side === 'l' ? 'r' : 'l'
      for (const { partner, held } of window.options) this.#know({ side, id: partner.id }, held)
    }
  }

  of(record: RecordRef): ScoredPair | null {
    return this.#now.get(keyOf(record)) ?? null
  }

  takeIfBlocking(pair: ScoredPair): void {
    const left = this.of({ side: 'l', id: pair.left })
    const right = this.of({ side: 'r', id: pair.right })
    if (left !== null && comparePairs(left, pair) <= 0) return
    if (right !== null && comparePairs(right, pair) <= 0) return
    if (left !== null) this.#now.set(`r${left.right}`, null)
    if (right !== null) this.#now.set(`l${right.left}`, null)
    this.#now.set(`l${pair.left}`, pair)
    this.#now.set(`r${pair.right}`, pair)
  }

  changes(): Pick<Wave, 'assigned' | 'freed'> {
    const assigned: ScoredPair[] = []
    const freed: RecordRef[] = []
    for (const [key, pair] of this.#now) {
      const before = this.#before.get(key) ?? null
      const side = key.startsWith('l') ? 'l' : 'r'
      if (pair === null) {
        if (before !== null) freed.push({ side, id: key.slice(1) })
      } else if (side === 'l' && (before === null || comparePairs(before, pair) !== 0)) assigned.push(pair)
    }
    return { assigned, freed }
  }

  #know(record: RecordRef, held: End | null): void {
    const pair = held === null ? null : pairOf(record, held)
    const ends: RecordRef[] = [record]
    // The other end of a match is known with it: it may be displaced without being looked at.
    if (pair !== null) ends.push({ side: 'l', id: pair.left }, { side: 'r', id: pair.right })
    for (const end of ends) {
      this.#before.set(keyOf(end), pair)
      this.#now.set(keyOf(end), pair)
    }
  }
}
