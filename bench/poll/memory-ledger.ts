import type { ChangeBatch } from '../../src/changes/change-batch.ts'
import type { Json, Ledger } from '../../src/changes/ledger.ts'

/** Keeps what a source has in its ledger, and nothing of its records. */
export class MemoryLedger implements Ledger {
  position: string | null = null
  readonly #lines = new Map<string, Json>()

  apply({ after, ledger }: ChangeBatch): void {
    for (const { key, value } of ledger) {
      if (value === undefined) this.#lines.delete(key)
      else this.#lines.set(key, value)
    }
    this.position = after
  }

  get(key: string): Promise<Json | undefined> {
    return Promise.resolve(this.#lines.get(key))
  }

  async *scan(prefix: string): AsyncGenerator<{ readonly key: string; readonly value: Json }> {
    for (const key of [...this.#lines.keys()].filter((key) => key.startsWith(prefix)).sort()) {
      const value = await this.get(key)
      if (value !== undefined) yield { key, value }
    }
  }
}
