import type { Change, Key, Upsert } from './change.ts'
import type { OperatorError } from '../runtime/errors.ts'
import type { LedgerEntry } from './ledger.ts'

/** A record that could not be taken in; it becomes a dead letter and never vanishes. */
export interface Rejected {
  readonly stream: string
  /** Null when not even a key could be read. */
  readonly key: Key | null
  /** Kebab-case, what scripts match on, for instance `wrong-type`. */
  readonly code: string
  /** For people: what is wrong with which field. */
  readonly reason: string
  /** The record as it came, as text. */
  readonly raw: string
}

/** A record without a key that was rejected before and that the source holds no more. */
export interface Retracted {
  readonly stream: string
  /** SHA-256 of `Rejected.raw` as UTF-8, in hex. */
  readonly rawSha256: string
}

export interface Vanished {
  readonly stream: string
  /** Why nothing of it is deleted; null: what is to be deleted is among the changes. */
  readonly refusal: OperatorError | null
}

/**
 * What one commit makes durable, all or nothing. A batch never ends inside a transaction of the source.
 *
 * `before` and `after` are serialised positions and `after` is always strictly later. The commit
 * compares-and-sets: a batch whose `before` is not the stored position but whose `after` is covered by it
 * was delivered again and is a no-op. Adjoining batches (`a.after === b.before`) may be committed as one.
 */
export interface ChangeBatch {
  /** Null for the very first batch of a source. */
  readonly before: string | null
  readonly after: string
  /** In the order of the source; a later change of a key wins. */
  readonly changes: readonly Change[]
  /**
   * Records whose last word in the batch is that they cannot be taken in: each comes after all of `changes`. A record
   * that the source rejects and then changes within one batch is not among them. A resync that ends in the batch has
   * seen them.
   */
  readonly rejected: readonly Rejected[]
  /** Their dead letters close. Nothing else could close them: a record without a key is never changed. */
  readonly retracted?: readonly Retracted[]
  /** The source has judged what vanished from it. */
  readonly vanished?: Vanished
  readonly ledger: readonly LedgerEntry[]
  /** When the source committed the newest change, in milliseconds since the epoch; null if it does not say. */
  readonly committedAt: number | null
  /**
   * What comes after `changes` when a transaction of the source is larger than memory: applied piece by piece within
   * the same commit, and pulled before the source is asked for its next batch. Such a batch is committed alone.
   */
  readonly rest?: AsyncIterable<ChangePiece>
  /** Compared with the mirror once `changes` are applied. Such a batch is the last of those that are committed as one. */
  readonly audit?: Audit
}

/** Rows of one stream as the source has them where the batch ends: to be compared with the mirror, not written. */
export interface Audit {
  readonly stream: string
  /** The first part of a reading: what an earlier one found is forgotten. */
  readonly first: boolean
  /** Without those that changes overtook while they were read. */
  readonly rows: readonly Pick<Upsert, 'key' | 'row'>[]
  /** The last part: mirrored records that neither a part nor a change since the first has held are extra. */
  readonly last: boolean
}

/** `ledger`: what the source has come to note since the batch began; it is committed with it. */
export type ChangePiece = Pick<ChangeBatch, 'changes' | 'rejected'> & Partial<Pick<ChangeBatch, 'ledger'>>
