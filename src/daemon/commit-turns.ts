import type { ChangeBatch, ChangePiece } from '../changes/change-batch.ts'
import type { Source } from '../changes/source.ts'
import { OperatorError } from '../runtime/errors.ts'
import { commitBatches } from '../warehouse/commit.ts'
import { Statistics } from '../warehouse/statistics.ts'
import type { Leader } from './leader.ts'

/** The warehouse could not take a commit: no source is to blame, and none can go on. */
export class CommitError extends Error {
  constructor(cause: unknown) {
    super('the warehouse took no commit', { cause })
  }
}

/** Sources are read at once, but there is one writer: whoever writes waits for its turn. */
export class CommitTurns {
  readonly #leader: Leader
  readonly #statistics = new Statistics()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(leader: Leader) {
    this.#leader = leader
  }

  /** Runs `work` when those who asked before are done, whether or not they succeeded. */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(async () => {
      signal.throwIfAborted()
      return work()
    })
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  /**
   * Commits a batch of one source and those that `more` gives; to be called within a turn. Throws a `CommitError` when
   * the warehouse is at fault; what it was when the source is: what broke while the rest of the first batch was read, and
   * an `OperatorError` of this source's data or of the configuration for it. Nothing is committed then.
   */
  async commit(
    source: Source,
    first: ChangeBatch,
    more: () => ChangeBatch | null = () => null,
  ): Promise<void> {
    const { writer, state } = this.#leader
    const ofSource: unknown[] = []
    const pieces = async function* (rest: AsyncIterable<ChangePiece>): AsyncGenerator<ChangePiece> {
      try {
        yield* rest
      } catch (error) {
        ofSource.push(error)
        throw error
      }
    }
    const watched = first.rest === undefined ? first : { ...first, rest: pieces(first.rest) }
    let rows = first.changes.length
    const next = (): ChangeBatch | null => {
      const batch = more()
      rows += batch?.changes.length ?? 0
      return batch
    }
    try {
      await commitBatches(writer.session, { source, first: watched, next }, state)
      await this.#statistics.note(writer.session, rows, state)
    } catch (error) {
      if (ofSource.includes(error)) throw error
      if (error instanceof OperatorError && error.area !== 'server') throw error
      throw new CommitError(error)
    }
  }
}
