import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Change } from '../changes/change.ts'
import type { Position } from '../changes/position.ts'
import type { WorkingLedger } from './working-ledger.ts'

export type BatchDraft = Partial<
  Pick<ChangeBatch, 'changes' | 'rejected' | 'retracted' | 'ledger' | 'audit' | 'vanished'>
>

/** Chains batches by their positions and notes in the ledger what they carry. */
export class BatchChain {
  readonly #ledger: WorkingLedger
  #opening: readonly Change[]
  #before: string | null

  constructor({
    after,
    ledger,
    opening,
  }: {
    after: string | null
    ledger: WorkingLedger
    /** Go before all other changes, in the first batch. */
    opening: readonly Change[]
  }) {
    this.#before = after
    this.#ledger = ledger
    this.#opening = opening
  }

  /** These go before all changes of the next batch. */
  precede(changes: readonly Change[]): void {
    this.#opening = [...this.#opening, ...changes]
  }

  next(
    position: Position,
    { changes = [], rejected = [], retracted = [], ledger = [], audit, vanished }: BatchDraft,
  ): ChangeBatch {
    const opening = this.#opening
    const before = this.#before
    const after = position.serialize()
    this.#opening = []
    this.#before = after
    return {
      before,
      after,
      changes: opening.length === 0 ? changes : [...opening, ...changes],
      rejected,
      ...(retracted.length === 0 ? {} : { retracted }),
      ...(audit === undefined ? {} : { audit }),
      ...(vanished === undefined ? {} : { vanished }),
      ledger: this.#ledger.deliver(after, ledger),
      // Pages do not say when their records were committed.
      committedAt: null,
    }
  }
}
