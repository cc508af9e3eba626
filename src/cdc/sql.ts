/**
 * The one place where identifiers and literals of MySQL are escaped. Only sound on sessions that `connection.ts`
 * has set up: its `sql_mode` excludes `NO_BACKSLASH_ESCAPES` and `ANSI_QUOTES`.
 */
export function identifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

export function tableIdentifier({
  schema,
  name,
}: {
  readonly schema: string
  readonly name: string
}): string {
  return `${identifier(schema)}.${identifier(name)}`
}

const escapes: Readonly<Record<string, string>> = { '\0': '\\0', "'": "\\'", '\\': '\\\\', '\x1a': '\\Z' }

export function textLiteral(text: string): string {
  // eslint-disable-next-line no-control-regex -- the characters that the server's lexer treats specially
  return `'${text.replace(/[\0'\\\x1a]/g, (character) => escapes[character] ?? character)}'`
}

/** A byte string: compared bytewise with binary columns. */
export function bytesLiteral(hex: string): string {
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex)) throw new SyntaxError('not hexadecimal')
  return hex === '' ? "''" : `x'${hex}'`
}

/** Text whose bytes are not valid UTF-8: converted to the column's character set by the server. */
export function undecodableTextLiteral(hex: string): string {
  return hex === '' ? "''" : `_utf8mb4 ${bytesLiteral(hex)}`
}

/** An exact number: never through a float. */
export function numberLiteral(text: string): string {
  if (!/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text)) throw new SyntaxError(`not a number: ${text}`)
  return text
}

/** Replaces each `?` of the statement by the next value as a text literal; a list becomes `'a', 'b'`. */
export function bind(statement: string, values: readonly (string | readonly string[])[]): string {
  const rest = [...values]
  return statement.replace(/\?/g, () => {
    const value = rest.shift()
    if (value === undefined) throw new RangeError(`too few values for ${statement}`)
    return typeof value === 'string' ? textLiteral(value) : value.map(textLiteral).join(', ') || 'null'
  })
}
