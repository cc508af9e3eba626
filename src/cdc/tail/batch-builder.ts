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
  /** To be compared where the batch ends, which has to be cut at once. */
  audit: Audit | null = null
  #bytes = 0
  #committed: Mark = start
  #ledger = new Map<string, Json | undefined>()
  #committedAt: number | null = null

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
    this.#bytes = mark.bytes
  }

  /** Takes away what was appended since the mark. */
  takeFrom(mark: Mark): ChangePiece & { readonly bytes: number } {
    const piece = {
      changes: this.changes.slice(mark.changes),
      rejected: this.rejected.slice(mark.rejected),
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
      rejected: this.rejected,
      ledger: [...this.#ledger].map(([key, value]) => ({ key, value })),
      committedAt: this.#committedAt,
      ...(this.audit === null ? {} : { audit: this.audit }),
    }
    this.audit = null
    this.changes = taken.changes.splice(changes)
    this.rejected = taken.rejected.splice(rejected)
    this.#bytes -= bytes
    this.#committed = start
    this.#ledger = new Map()
    this.#committedAt = null
    return taken
  }
}
