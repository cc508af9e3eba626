/** JSON as the ledger stores it. Numbers must be safe integers; anything larger travels as text. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/**
 * A line of the source's own bookkeeping (snapshot chunks, pages, files), written in the commit of the
 * batch that carries it. `value: undefined` removes the line.
 */
export interface LedgerEntry {
  /** Segments joined by `/`, for instance `page/17`. */
  readonly key: string
  readonly value: Json | undefined
}

/**
 * The committed lines of one source, as they are at the moment of asking: also while the source is open. Lines are
 * read on demand, since a ledger may be larger than memory.
 */
export interface Ledger {
  get(key: string): Promise<Json | undefined>
  /** Lines whose key starts with `prefix`, in bytewise order of their keys. */
  scan(prefix: string): AsyncIterable<{ readonly key: string; readonly value: Json }>
}
