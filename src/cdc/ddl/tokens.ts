/** A piece of a statement. Names between backquotes are never keywords. */
export interface Token {
  readonly kind: 'word' | 'name' | 'text' | 'symbol'
  /** Words as written, names and texts without their quotes, symbols one character each. */
  readonly text: string
}

/** Comments that the server executes, `/*! … *\/` and MariaDB's `/*M! … *\/`, count as what is in them. */
const pattern =
  /\s+|--(?=\s|$)[^\n]*|#[^\n]*|\/\*M?!\d*|\/\*(?!M?!)[\s\S]*?\*\/|\*\/|`((?:[^`]|``)*)`|'((?:[^'\\]|''|\\[\s\S])*)'|"((?:[^"\\]|""|\\[\s\S])*)"|([\p{L}\p{N}_$@\u0080-\uffff]+)|([\s\S])/guy

/** Never fails: what is no token of SQL is a symbol, and nothing that matters is recognised behind it. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = []
  for (const [, name, text, quoted, word, symbol] of sql.matchAll(pattern)) {
    if (name !== undefined) tokens.push({ kind: 'name', text: name.replaceAll('``', '`') })
    else if (text !== undefined) tokens.push({ kind: 'text', text })
    // A name where `sql_mode` has ANSI_QUOTES, a text elsewhere: where a name must stand it is one.
    else if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.replaceAll('""', '"') })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol })
  }
  return tokens
}

/** Reads tokens from left to right. */
export class TokenReader {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#tokens.length
  }

  get rest(): readonly Token[] {
    return this.#tokens.slice(this.#next)
  }

  /** In upper case; empty when the next token is no word. */
  get keyword(): string {
    const token = this.#tokens[this.#next]
    return token?.kind === 'word' ? token.text.toUpperCase() : ''
  }

  /** Whether one of these comes, which are keywords or several of them in a row. */
  has(...phrases: readonly string[]): boolean {
    const keywords = this.rest.map(({ kind, text }) => (kind === 'word' ? text.toUpperCase() : kind))
    const text = ` ${keywords.join(' ')} `
    return phrases.some((phrase) => text.includes(` ${phrase} `))
  }

  take(): Token | null {
    return this.#tokens[this.#next++] ?? null
  }

  /** Passes over one of these keywords; null when another token comes. */
  accept(...keywords: readonly string[]): string | null {
    const { keyword } = this
    if (keyword === '' || !keywords.includes(keyword)) return null
    this.#next++
    return keyword
  }

  acceptSymbol(symbol: string): boolean {
    const token = this.#tokens[this.#next]
    if (token?.kind !== 'symbol' || token.text !== symbol) return false
    this.#next++
    return true
  }

  /** `if exists` or `if not exists`. */
  acceptExistence(): boolean {
    if (this.accept('IF') === null) return false
    this.accept('NOT')
    this.accept('EXISTS')
    return true
  }

  /** A name without a schema; null when there is none. */
  name(): string | null {
    const token = this.#tokens[this.#next]
    if (token === undefined || token.kind === 'symbol') return null
    this.#next++
    return token.text
  }
}

/** Splits at the commas that stand in no parentheses. */
export function splitAtCommas(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]]
  let depth = 0
  for (const token of tokens) {
    if (token.kind === 'symbol') {
      if (token.text === '(') depth++
      if (token.text === ')') depth--
      if (token.text === ',' && depth === 0) {
        parts.push([])
        continue
      }
    }
    parts.at(-1)?.push(token)
  }
  return parts
}
