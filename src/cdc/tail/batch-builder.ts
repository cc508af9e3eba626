import type { Audit, ChangeBatch, ChangePiece, Rejected } from '../../changes/change-batch.ts'
import type { Change } from '../../changes/change.ts'
import type { Json, LedgerEntry } from '../../changes/ledger.ts'

/** A place among the changes that were gathered, to go back to. */
export interface Mark {
  readonly changes: number
  readonly rejected: number
  readonly bytes: number
}

const start: Mark = { changes: 0, rejected: 0, bytes: 0 }

/** Gathers changes: those of whole transactions first, then those of the one that is being read. */
export class BatchBuilder {
  changes: Change[] = []
  rejected: Rejected[] = []
  /** Of each that was rejected, how many changes came before it. */
  #places: number[] = []
  /** To be compared where the batch ends, which has to be cut at once. */
  audit: Audit | null = null
  #bytes = 0
  #committed: Mark = start
  #ledger = new Map<string, Json | undefined>()
  #committedAt: number | null = null

  reject(one: Rejected): void {
    this.rejected.push(one)
    this.#places.push(this.changes.length)
  }

  /** Told of the approximate memory of what was appended. */
  grow(bytes: number): void {
    this.#bytes += bytes
  }

  get mark(): Mark {
    return { changes: this.changes.length, rejected: this.rejected.length, bytes: this.#bytes }
  }

  /** The end of the last whole transaction. */
  get committed(): Mark {
    return this.#committed
  }

  get openBytes(): number {
    return this.#bytes - this.#committed.bytes
  }

  get isEmpty(): boolean {
    const { changes, rejected } = this.#committed
    return changes === 0 && rejected === 0 && this.#ledger.size === 0 && this.audit === null
  }

  note({ key, value }: LedgerEntry): void {
    this.#ledger.set(key, value)
  }

  commit(committedAt: number | null): void {
    this.#committed = this.mark
    if (committedAt !== null) this.#committedAt = committedAt
  }

  rollBackTo(mark: Mark): void {
    this.changes.length = mark.changes
    this.rejected.length = mark.rejected
    this.#places.length = mark.rejected
    this.#bytes = mark.bytes
  }

  /** Takes away what was appended since the mark. */
  takeFrom(mark: Mark): ChangePiece & { readonly bytes: number } {
    const piece = {
      changes: this.changes.slice(mark.changes),
      rejected: this.#lastWords(mark, this.mark),
      bytes: this.#bytes - mark.bytes,
    }
    this.rollBackTo(mark)
    return piece
  }

  clear(): void {
    this.rollBackTo(start)
    this.#committed = start
    this.takeCommitted()
  }

  /** Takes away the whole transactions, and the ledger's lines. */
  takeCommitted(): Omit<ChangeBatch, 'before' | 'after'> {
    const { changes, rejected, bytes } = this.#committed
    const taken = {
      changes: this.changes,
      rejected: this.#lastWords(start, this.#committed),
      ledger: [...this.#ledger].map(([key, value]) => ({ key, value })),
      committedAt: this.#committedAt,
      ...(this.audit === null ? {} : { audit: this.audit }),
    }
    this.audit = null
    this.changes = taken.changes.splice(changes)
    this.rejected = this.rejected.slice(rejected)
    this.#places = this.#places.slice(rejected).map((place) => place - changes)
    this.#bytes -= bytes
    this.#committed = start
    this.#ledger = new Map()
    this.#committedAt = null
    return taken
  }

  /** What was rejected between two marks, without what a change between them came after. */
  #lastWords(from: Mark, to: Mark): Rejected[] {
    const rejected = this.rejected.slice(from.rejected, to.rejected)
    const places = this.#places.slice(from.rejected, to.rejected)
    const changed = new Map<string, number>()
    for (let index = places[0] ?? to.changes; index < to.changes; index++) {
      const change = this.changes[index]
      if (change === undefined) break
      if ('key' in change) changed.set(recordOf(change), index)
      else if (change.kind === 'truncate') changed.set(change.stream, index)
    }
    return rejected.filter((one, index) => {
      const last = Math.max(changed.get(one.stream) ?? -1, changed.get(recordOf(one)) ?? -1)
      return last < (places[index] ?? 0)
    })
  }
}

/** No name of a stream. */
const recordOf = ({ stream, key }: Pick<Rejected, 'stream' | 'key'>): string => JSON.stringify([stream, key])
