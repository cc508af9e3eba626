import type { Change, Key, ResyncEnd, Row } from '../../src/changes/change.ts'
import type { ChangeBatch, ChangePiece, Rejected, Retracted } from '../../src/changes/change-batch.ts'
import { keyColumns, type Column } from '../../src/changes/column.ts'
import { massDisappearance, refusedKey } from '../../src/changes/mass-disappearance.ts'
import type { Json, Ledger, LedgerEntry } from '../../src/changes/ledger.ts'

interface MirroredStream {
  columns: readonly Column[] | null
  readonly rows: Map<string, Row>
  /** Keys not seen since `resync-begin`; null outside a resync. */
  unseen: Set<string> | null
  /** Rows when the resync began. */
  known: number
}

/** Folds batches into memory as the commit does: what a source must make of any database. */
export class Mirror {
  position: string | null = null
  readonly rejected: Rejected[] = []
  readonly retracted: Retracted[] = []
  readonly #streams = new Map<string, MirroredStream>()
  readonly #ledger = new Map<string, Json>()

  /** Copies can go different ways from the same commit. */
  static copyOf(other: Mirror): Mirror {
    const copy = new Mirror()
    copy.position = other.position
    copy.rejected.push(...other.rejected)
    copy.retracted.push(...other.retracted)
    for (const [name, { columns, rows, unseen, known }] of other.#streams) {
      copy.#streams.set(name, { columns, rows: new Map(rows), unseen: unseen && new Set(unseen), known })
    }
    for (const [key, value] of other.#ledger) copy.#ledger.set(key, value)
    return copy
  }

  /** The same rows as a source under another name finds them: without a position and a ledger. */
  static renamedSource(other: Mirror): Mirror {
    const copy = Mirror.copyOf(other)
    copy.position = null
    copy.#ledger.clear()
    return copy
  }

  /** False, and nothing done, when the batch does not follow on the position: it was delivered before. */
  apply(batch: ChangeBatch): boolean {
    if (batch.before !== this.position) return false
    for (const change of batch.changes) {
      if (change.kind === 'resync-end') this.#see(batch.rejected)
      this.#apply(change)
    }
    this.#see(batch.rejected)
    this.rejected.push(...batch.rejected)
    this.retracted.push(...(batch.retracted ?? []))
    this.#write(batch.ledger)
    this.position = batch.after
    return true
  }

  #write(lines: readonly LedgerEntry[]): void {
    for (const { key, value } of lines) {
      if (value === undefined) this.#ledger.delete(key)
      else this.#ledger.set(key, JSON.parse(JSON.stringify(value)) as Json)
    }
  }

  /** A batch and the rest of its transaction, which are one commit. */
  applyAll(batch: ChangeBatch, rest: readonly ChangePiece[]): void {
    if (!this.apply(batch)) {
      throw new Error(`a batch from ${String(batch.before)} does not follow on ${String(this.position)}`)
    }
    for (const piece of rest) {
      for (const change of piece.changes) this.#apply(change)
      this.rejected.push(...piece.rejected)
      this.#write(piece.ledger ?? [])
    }
  }

  isResyncing(): boolean {
    return [...this.#streams.values()].some(({ unseen }) => unseen !== null)
  }

  /** The committed lines, read as a source reads them. */
  ledger(): Ledger {
    const lines = this.#ledger
    return {
      get: (key) => Promise.resolve(lines.get(key)),
      scan: async function* (prefix) {
        const keys = [...lines.keys()].filter((key) => key.startsWith(prefix))
        for (const key of keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
          const value = await Promise.resolve(lines.get(key))
          if (value !== undefined) yield { key, value }
        }
      },
    }
  }

  ledgerKeys(): string[] {
    return [...this.#ledger.keys()].sort()
  }

  streams(): string[] {
    return [...this.#streams.keys()].sort()
  }

  columns(stream: string): readonly Column[] {
    return this.#streams.get(stream)?.columns ?? []
  }

  /** By the key as JSON, in the order in which they came. */
  entries(stream: string): [key: string, row: Row][] {
    return [...(this.#streams.get(stream)?.rows ?? [])]
  }

  rows(stream: string): Row[] {
    return this.entries(stream)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row)
  }

  /** All rows of all streams, for comparison. */
  content(): Record<string, Row[]> {
    return Object.fromEntries(this.streams().map((name) => [name, this.rows(name)]))
  }

  #apply(change: Change): void {
    const stream = this.#stream(change.stream)
    switch (change.kind) {
      case 'schema':
        stream.columns = change.columns
        reshape(stream.rows, change.columns)
        return
      case 'upsert':
        this.#upsert(stream, change.key, change.row)
        return
      case 'delete':
        stream.rows.delete(JSON.stringify(change.key))
        stream.unseen?.delete(JSON.stringify(change.key))
        return
      case 'truncate':
        stream.rows.clear()
        stream.unseen?.clear()
        return
      case 'resync-begin':
        stream.unseen = new Set(stream.rows.keys())
        stream.known = stream.rows.size
        this.#ledger.delete(refusedKey(change.stream))
        return
      case 'resync-end':
        if (this.#refuses(stream, change)) return
        for (const key of stream.unseen ?? []) stream.rows.delete(key)
        stream.unseen = null
        return
    }
  }

  /** So much was not seen that nothing goes. */
  #refuses({ unseen, known }: MirroredStream, { stream, maxDeletedShare: maxShare }: ResyncEnd): boolean {
    if (unseen === null || maxShare === undefined) return false
    const gone = unseen.size
    const refusal = massDisappearance({ name: '', gone, known: Math.max(gone, known), maxShare })
    if (refusal === null) this.#ledger.delete(refusedKey(stream))
    else this.#ledger.set(refusedKey(stream), refusal.message)
    return refusal !== null
  }

  /** A record that cannot be taken in keeps the row that stands for it. */
  #see(rejected: readonly Rejected[]): void {
    for (const { stream, key } of rejected) this.#streams.get(stream)?.unseen?.delete(JSON.stringify(key))
  }

  #upsert(stream: MirroredStream, key: Key, row: Row): void {
    if (stream.columns === null) throw new Error('a row came before the schema of its stream')
    const expected = keyColumns(stream.columns).map((name) => row[name])
    if (JSON.stringify(expected) !== JSON.stringify(key)) {
      throw new Error(`the key ${JSON.stringify(key)} is not that of its row`)
    }
    stream.rows.set(JSON.stringify(key), row)
    stream.unseen?.delete(JSON.stringify(key))
  }

  #stream(name: string): MirroredStream {
    const known = this.#streams.get(name)
    if (known !== undefined) return known
    const stream = { columns: null, rows: new Map<string, Row>(), unseen: null, known: 0 }
    this.#streams.set(name, stream)
    return stream
  }
}

/** Columns that were added are null in the rows that are there, as in the warehouse's table. */
function reshape(rows: Map<string, Row>, columns: readonly Column[]): void {
  for (const [key, row] of rows) {
    rows.set(key, Object.fromEntries(columns.map(({ name }) => [name, row[name] ?? null])))
  }
}
