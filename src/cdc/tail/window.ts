import type { Change, Key } from '../../changes/change.ts'
import type { Rejected } from '../../changes/change-batch.ts'

/**
 * The keys of one table that the log touched since a chunk's reading began. Rows of the chunk under such a key are
 * dropped: what the log says of them is newer, or will be.
 */
export class Window {
  readonly stream: string
  #touched = new Set<string>()
  #keys: ReadonlySet<string> | null = null

  constructor(stream: string) {
    this.stream = stream
  }

  get size(): number {
    return this.#touched.size
  }

  note(
    changes: readonly Change[],
    rejected: readonly Rejected[],
    from: { changes: number; rejected: number },
  ): void {
    for (let index = from.changes; index < changes.length; index++) {
      const change = changes[index]
      if (change?.stream === this.stream && 'key' in change) this.#touch(change.key)
    }
    for (let index = from.rejected; index < rejected.length; index++) {
      const one = rejected[index]
      if (one?.stream === this.stream && one.key !== null) this.#touch(one.key)
    }
  }

  /** From here on only these matter: the log may have millions before it reaches the chunk's place. */
  restrictTo(keys: Iterable<Key | null>): void {
    const wanted = new Set<string>()
    for (const key of keys) if (key !== null) wanted.add(textOf(key))
    this.#keys = wanted
    this.#touched = new Set([...this.#touched].filter((key) => wanted.has(key)))
  }

  has(key: Key | null): boolean {
    return key !== null && this.#touched.size > 0 && this.#touched.has(textOf(key))
  }

  #touch(key: Key): void {
    const text = textOf(key)
    if (this.#keys === null || this.#keys.has(text)) this.#touched.add(text)
  }
}

/** Parts that cannot run into one another. */
function textOf(key: Key): string {
  return key.length === 1 ? (key[0] ?? '') : JSON.stringify(key)
}
