import type { Change } from '../../changes/change.ts'
import type { Rejected } from '../../changes/change-batch.ts'
import type { Ledger } from '../../changes/ledger.ts'
import type { BatchBuilder } from './batch-builder.ts'
import type { Effect } from './effect.ts'

interface Held {
  readonly changes: readonly Change[]
  readonly rejected: readonly Rejected[]
  readonly bytes: number
}

/** The rows of a transaction, or only the streams to which they belong. */
type Prepared = Held | { readonly streams: readonly string[]; readonly bytes: 0 }

/**
 * XA transactions between their PREPARE and their COMMIT, which comes later and may come after a restart. The rows wait
 * in memory, up to a number of bytes; a line of the ledger has the streams to which they belong. Where the rows are not
 * there any more when the commit comes, these streams are read again; where the PREPARE is not known at all, since it
 * was before the snapshot, every stream.
 */
export class PreparedTransactions {
  readonly #maxBytes: number
  #byXid = new Map<string, Prepared>()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  async restore(ledger: Ledger): Promise<void> {
    for await (const { key, value } of ledger.scan('xa/')) {
      const streams = Array.isArray(value) ? value.map(String) : []
      this.#byXid.set(key.slice('xa/'.length), { streams, bytes: 0 })
    }
  }

  forget(): void {
    this.#byXid.clear()
  }

  /** Takes the open transaction's rows away. */
  prepare(xid: string, builder: BatchBuilder): void {
    const rows = builder.takeFrom(builder.committed)
    const streams = [...new Set([...rows.changes, ...rows.rejected].map(({ stream }) => stream))]
    let held = rows.bytes
    for (const { bytes } of this.#byXid.values()) held += bytes
    this.#byXid.set(xid, held > this.#maxBytes ? { streams, bytes: 0 } : rows)
    builder.note({ key: lineOf(xid), value: streams })
  }

  rollBack(xid: string, builder: BatchBuilder): void {
    this.#byXid.delete(xid)
    builder.note({ key: lineOf(xid), value: undefined })
  }

  /** Gives the rows back; returns what has to be read again when they are not there. */
  commit(xid: string, builder: BatchBuilder): Effect | null {
    const prepared = this.#byXid.get(xid)
    this.rollBack(xid, builder)
    const reason = `the rows of XA transaction ${xid} are not known`
    if (prepared === undefined) return { kind: 'lost-everything', reason }
    if ('streams' in prepared) {
      const { streams } = prepared
      return streams.length === 0 ? null : { kind: 'lost-streams', streams, reason }
    }
    for (const change of prepared.changes) builder.changes.push(change)
    for (const one of prepared.rejected) builder.rejected.push(one)
    builder.grow(prepared.bytes)
    return null
  }
}

const lineOf = (xid: string): string => `xa/${xid}`
