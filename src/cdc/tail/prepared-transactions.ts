import type { ChangePiece } from '../../changes/change-batch.ts'
import type { Ledger } from '../../changes/ledger.ts'
import type { BatchBuilder } from './batch-builder.ts'
import type { Effect } from './effect.ts'
import type { FollowedTables } from './followed-tables.ts'
import { lostOf, type TouchedTables, type XaTransaction } from './xa-transaction.ts'

interface Prepared extends ChangePiece {
  readonly touched: TouchedTables
  readonly bytes: number
}

/**
 * XA transactions between their PREPARE and their COMMIT, which comes later and may come after a restart. The rows wait
 * in memory, up to a number of bytes; a line of the ledger has the streams to which they belong. Where the rows are not
 * there any more when the commit comes, these streams are read again; where the PREPARE is not known at all, since it
 * was before the snapshot, every stream.
 */
export class PreparedTransactions {
  /** Most memory of the rows that wait, and of those of one transaction that is not prepared yet. */
  readonly maxBytes: number
  #byXid = new Map<string, Prepared>()

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Once the tables know where they stand: nobody has looked for rows of those that are not read yet. */
  async restore(ledger: Ledger, tables: FollowedTables): Promise<void> {
    for await (const { key, value } of ledger.scan('xa/')) {
      const streams = Array.isArray(value) ? value : []
      const touched = tables.all.filter(({ stream, state }) => state === 'unread' || streams.includes(stream))
      this.#byXid.set(key.slice('xa/'.length), {
        ...{ changes: [], rejected: [], bytes: 0 },
        touched: new Map(touched.map((table) => [table, null])),
      })
    }
  }

  forget(): void {
    this.#byXid.clear()
  }

  /** Takes the open transaction's rows away. */
  prepare(xid: string, xa: XaTransaction, builder: BatchBuilder): void {
    const rows = builder.takeFrom(builder.committed)
    // It is not remembered, so that its commit is one of which nothing is known.
    if (xa.isUnknown) return
    let held = rows.bytes
    for (const { bytes } of this.#byXid.values()) held += bytes
    if (held > this.maxBytes) xa.giveUpRows()
    const { touched, isTooLarge } = xa
    this.#byXid.set(xid, { ...(isTooLarge ? { changes: [], rejected: [], bytes: 0 } : rows), touched })
    builder.note({ key: lineOf(xid), value: [...touched.keys()].map(({ stream }) => stream) })
  }

  rollBack(xid: string, builder: BatchBuilder): void {
    this.#byXid.delete(xid)
    builder.note({ key: lineOf(xid), value: undefined })
  }

  /** Gives the rows back; returns what has to be read again where they are not there. */
  commit(xid: string, builder: BatchBuilder): Effect {
    const prepared = this.#byXid.get(xid)
    this.rollBack(xid, builder)
    const reason = `the rows of XA transaction ${xid} are not known`
    if (prepared === undefined) return { kind: 'lost-everything', reason }
    const lost = lostOf(prepared.touched, reason)
    const streams = new Set(lost.tables.map(({ stream }) => stream))
    for (const change of prepared.changes) if (!streams.has(change.stream)) builder.changes.push(change)
    for (const one of prepared.rejected) if (!streams.has(one.stream)) builder.reject(one)
    builder.grow(prepared.bytes)
    return lost
  }
}

const lineOf = (xid: string): string => `xa/${xid}`
