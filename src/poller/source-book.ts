import { createHash } from 'node:crypto'
import type { Ledger, LedgerEntry } from '../changes/ledger.ts'

interface SourceLine {
  /** Of what the source declares about its records. */
  readonly fingerprint: string
  /** Counts the times that the stream was asked for anew. */
  readonly epoch: number
  /** The sweep or round that began the resync which is still open. */
  readonly resyncSince: number | null
}

const key = 'source'

/** Under which declaration a source is read, and whether a resync of it is open: what a restart must not forget. */
export class SourceBook {
  readonly #fingerprint: string
  readonly #digest: string
  #line: SourceLine | null
  /** Whether so much had vanished, when that was last judged, that nothing was deleted and no resync could end. */
  isRefused = false

  private constructor(fingerprint: string, line: SourceLine | null) {
    this.#fingerprint = fingerprint
    this.#digest = digestOf(fingerprint)
    this.#line = line
  }

  static async load(ledger: Ledger, fingerprint: string): Promise<SourceBook> {
    return new SourceBook(fingerprint, ((await ledger.get(key)) ?? null) as SourceLine | null)
  }

  /** Of the present declaration and of the last resync: row hashes of another edition say nothing. */
  get edition(): string {
    return `${this.#digest}.${this.epoch}`
  }

  /** The resyncs that were begun. */
  get epoch(): number {
    return this.#line?.epoch ?? 0
  }

  /** Whether the declaration is the one under which the source was read last. */
  get isCurrent(): boolean {
    return this.#line?.fingerprint === this.#fingerprint
  }

  /** Whether it was read under another declaration. */
  get isOutdated(): boolean {
    return this.#line !== null && !this.isCurrent
  }

  /** The sweep or round that began the open resync, null outside of one. */
  get resyncSince(): number | null {
    return this.#line?.resyncSince ?? null
  }

  /** From here on the source is read under the present declaration. */
  declare(): LedgerEntry[] {
    return this.isCurrent ? [] : [this.#set({})]
  }

  /** From here on every record counts as new, and what is not seen until `endResync` is gone. */
  beginResync(since: number): LedgerEntry {
    this.isRefused = false
    return this.#set({ epoch: this.epoch + 1, resyncSince: since })
  }

  endResync(): LedgerEntry {
    return this.#set({ resyncSince: null })
  }

  #set(changed: Partial<Omit<SourceLine, 'fingerprint'>>): LedgerEntry {
    const { epoch = 0, resyncSince = null } = { ...this.#line, ...changed }
    this.#line = { fingerprint: this.#fingerprint, epoch, resyncSince }
    return { key, value: { ...this.#line } }
  }
}

/** Short, and as good as the fingerprint itself. */
export function digestOf(fingerprint: string): string {
  return createHash('sha256').update(fingerprint).digest('base64url').slice(0, 11)
}
