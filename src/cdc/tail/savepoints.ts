import type { Mark } from './batch-builder.ts'

/** The savepoints of the transaction under way. */
export class Savepoints {
  readonly #marks = new Map<string, Mark>()

  set(name: string, mark: Mark): void {
    this.#marks.set(folded(name), mark)
  }

  /**
   * Where a savepoint was set: at `start` if the log does not have it, for it was set before the first change. Null when
   * nobody can tell: servers compare the names by a collation of theirs, for which É and e are the same.
   */
  find(name: string, start: Mark): Mark | null {
    const names = new Set([...this.#marks.keys(), folded(name)])
    if (names.size > 1 && ![...names].every(isAscii)) return null
    return this.#marks.get(folded(name)) ?? start
  }

  clear(): void {
    this.#marks.clear()
  }
}

// eslint-disable-next-line no-control-regex -- exactly the 128 characters of ASCII
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)

const folded = (name: string): string => (isAscii(name) ? name.toLowerCase() : name)
