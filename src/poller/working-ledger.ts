import type { Json, Ledger, LedgerEntry } from '../changes/ledger.ts'

interface Delivered {
  readonly position: string
  readonly keys: readonly string[]
}

interface Pending {
  readonly value: Json | undefined
  /** The batch that carries it, counted from 0. */
  readonly batch: number
}

/** Holds the position of the last committed batch: how a source knows what of its ledger is committed. */
const deliveredKey = 'delivered'

/** Batches between two looks at what is committed. */
const batchesPerLook = 16

/**
 * The ledger as it will be once all that was delivered is committed, so that a page can be compared with its line
 * although the commit of that line may be under way. Holds only what is not committed yet: as much as the consumer
 * holds of the batches themselves.
 */
export class WorkingLedger implements Ledger {
  readonly #committed: Ledger
  readonly #pending = new Map<string, Pending>()
  /** Batches that may not be committed yet, the first of them with the number `#first`. */
  #delivered: Delivered[] = []
  #first = 0
  #sinceLook = 0

  constructor(committed: Ledger) {
    this.#committed = committed
  }

  async get(key: string): Promise<Json | undefined> {
    const pending = this.#pending.get(key)
    return pending === undefined ? this.#committed.get(key) : pending.value
  }

  async *scan(prefix: string): AsyncGenerator<{ readonly key: string; readonly value: Json }> {
    const pending = [...this.#pending]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, { value }]) => ({ key, value }))
      .sort((a, b) => bytewise(a.key, b.key))
    let next = 0
    for await (const line of this.#committed.scan(prefix)) {
      for (; next < pending.length; next++) {
        const { key, value } = pending[next] ?? line
        if (bytewise(key, line.key) >= 0) break
        if (value !== undefined) yield { key, value }
      }
      const own = pending[next]
      if (own?.key !== line.key) {
        yield line
        continue
      }
      next++
      if (own.value !== undefined) yield { key: own.key, value: own.value }
    }
    for (const { key, value } of pending.slice(next)) if (value !== undefined) yield { key, value }
  }

  /** Notes what a batch carries. Returns its entries and the one that tells when it is committed. */
  deliver(position: string, entries: readonly LedgerEntry[]): LedgerEntry[] {
    const batch = this.#first + this.#delivered.length
    for (const { key, value } of entries) this.#pending.set(key, { value, batch })
    this.#delivered.push({ position, keys: entries.map(({ key }) => key) })
    this.#sinceLook++
    return [...entries, { key: deliveredKey, value: position }]
  }

  /** Forgets what has been committed meanwhile; to be called now and then. */
  async settle(): Promise<void> {
    if (this.#sinceLook < batchesPerLook) return
    this.#sinceLook = 0
    const position = await this.#committed.get(deliveredKey)
    const last = this.#delivered.findIndex((batch) => batch.position === position)
    for (const { keys } of this.#delivered.splice(0, last + 1)) {
      for (const key of keys) {
        if (this.#pending.get(key)?.batch === this.#first) this.#pending.delete(key)
      }
      this.#first++
    }
  }
}

/** As Postgres orders keys with `collate "C"`. */
function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
