/**
 * Whether everything that a source has read at least once is committed, too. A source runs ahead of the commits: it may
 * have read all while the warehouse has nothing yet, not even the tables.
 */
export class LoadProgress {
  #isCommitted = false
  readonly #uncommitted: { readonly after: string; readonly loaded: boolean }[] = []

  /** To be called when the source is opened anew: what was not committed will be read again. */
  begin(): void {
    this.#isCommitted = false
    this.#uncommitted.length = 0
  }

  /** A batch that ends at `after` was read; `loaded` is what the source says of itself at that moment. */
  noteRead(after: string, loaded: boolean): void {
    this.#uncommitted.push({ after, loaded })
  }

  /** All batches up to the position `after` are committed. */
  noteCommit(after: string): void {
    const last = this.#uncommitted.findIndex((batch) => batch.after === after)
    const committed = this.#uncommitted.splice(0, last + 1)
    this.#isCommitted ||= committed.some(({ loaded }) => loaded)
  }

  /** What the source says of itself, once nothing that it means waits for its commit. */
  isLoaded(sourceIsLoaded: boolean): boolean {
    this.#isCommitted ||= sourceIsLoaded && this.#uncommitted.length === 0
    return sourceIsLoaded && this.#isCommitted
  }
}
