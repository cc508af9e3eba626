/** What is needed of stdout and stderr. */
export interface TextStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  /** The width of the terminal in characters. */
  readonly columns?: number | undefined
}

const clearLine = '\r\u001b[K'
const defaultWidth = 80

/**
 * The last line of a terminal, repainted in place. Everything else that goes to the terminal goes through `write`,
 * so that the line never stands in the middle of other output.
 */
export class StatusLine {
  readonly #stream: TextStream
  #shown = ''

  constructor(stream: TextStream) {
    this.#stream = stream
  }

  /** Cut to the terminal's width: a wrapped line could not be repainted. Written only when it changes. */
  show(text: string): void {
    // A terminal that does not know its width says 0.
    const line = fit(text, (this.#stream.columns || defaultWidth) - 1)
    if (line === this.#shown) return
    this.#shown = line
    // One write, new text before the rest is cleared: nothing flickers.
    this.#stream.write(`\r${line}\u001b[K`)
  }

  clear(): void {
    if (this.#shown === '') return
    this.#shown = ''
    this.#stream.write(clearLine)
  }

  /** Other output, with its newline; the line is put back beneath it. */
  write(text: string): void {
    const line = this.#shown
    this.#stream.write(line === '' ? text : `${clearLine}${text}${line}`)
  }
}

function fit(text: string, width: number): string {
  // eslint-disable-next-line no-control-regex -- a name must not move the cursor
  const characters = Array.from(text.replace(/[\u0000-\u001f\u007f]/g, ' '))
  return characters.length <= width
    ? characters.join('')
    : `${characters.slice(0, Math.max(width - 1, 0)).join('')}…`
}
