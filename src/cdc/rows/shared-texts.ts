/** A power of two. */
const slots = 1024

/** Longer ones seldom come again. */
const longestShared = 32

/**
 * Texts of one column that came lately, so that a value that comes again is the same string: rows wait for their commit,
 * and what waits is memory that the garbage collector has to carry about. A text takes the place of the one that fell
 * there before it.
 */
export class SharedTexts {
  readonly #texts = new Array<string>(slots).fill('')

  /** The text itself, or one like it that came before. */
  share(text: string): string {
    const { length } = text
    if (length === 0 || length > longestShared) return text
    const first = text.charCodeAt(0)
    const middle = text.charCodeAt(length >> 1)
    const last = text.charCodeAt(length - 1)
    const slot = (Math.imul(((first << 7) ^ (middle << 3) ^ last) + length, 0x9e3779b1) >>> 20) & (slots - 1)
    const known = this.#texts[slot]
    if (known === text) return known
    this.#texts[slot] = text
    return text
  }
}
