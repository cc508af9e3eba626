import pg from 'pg'

/** The only place where names enter SQL text; values are always bound. */
export function identifier(name: string): string {
  return pg.escapeIdentifier(name)
}

export function qualified(schema: string, name: string): string {
  return `${identifier(schema)}.${identifier(name)}`
}

/** For statements that take no parameters, such as `comment on`. */
export function literal(text: string): string {
  return pg.escapeLiteral(text)
}
