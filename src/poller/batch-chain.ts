import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Column } from '../changes/column.ts'
import type { PagePosition } from './position.ts'

/** Chains batches by their positions; the first one carries the schema of the stream. */
export class BatchChain {
  readonly #stream: string
  #columns: readonly Column[] | null
  #before: string | null

  constructor({
    after,
    stream,
    columns,
  }: {
    after: string | null
    stream: string
    columns: readonly Column[]
  }) {
    this.#before = after
    this.#stream = stream
    this.#columns = columns
  }

  next(
    position: PagePosition,
    {
      changes = [],
      rejected = [],
      ledger = [],
    }: Partial<Pick<ChangeBatch, 'changes' | 'rejected' | 'ledger'>>,
  ): ChangeBatch {
    const columns = this.#columns
    const before = this.#before
    this.#columns = null
    this.#before = position.serialize()
    return {
      before,
      after: this.#before,
      changes: columns === null ? changes : [{ kind: 'schema', stream: this.#stream, columns }, ...changes],
      rejected,
      ledger,
      // Pages do not say when their records were committed.
      committedAt: null,
    }
  }
}
