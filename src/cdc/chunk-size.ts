/**
 * How many rows to ask for, so that a chunk stays within its bytes. The worst of the recent averages counts: wide
 * rows tend to stand together, and a chunk that is cut costs a connection.
 */
export class ChunkSize {
  readonly #maxRows: number
  readonly #maxBytes: number
  #rowBytes: number
  #limit: number

  constructor({ maxRows, maxBytes, estimatedRowBytes }: ChunkSizeOptions) {
    this.#maxRows = maxRows
    this.#maxBytes = maxBytes
    this.#rowBytes = Math.max(estimatedRowBytes, 128)
    this.#limit = this.#fitting()
  }

  get rows(): number {
    return this.#limit
  }

  /** Told of every chunk that was read. */
  observe({ rows, bytes }: { readonly rows: number; readonly bytes: number }): void {
    if (rows === 0) return
    const latest = bytes / rows
    this.#rowBytes = Math.max(latest, (this.#rowBytes + latest) / 2)
    this.#limit = Math.min(this.#fitting(), this.#limit * 4)
  }

  #fitting(): number {
    const rows = Math.floor((this.#maxBytes * 0.8) / this.#rowBytes)
    return Math.max(1, Math.min(this.#maxRows, rows))
  }
}

export interface ChunkSizeOptions {
  readonly maxRows: number
  readonly maxBytes: number
  readonly estimatedRowBytes: number
}
