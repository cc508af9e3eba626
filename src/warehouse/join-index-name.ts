import { createHash } from 'node:crypto'

/** What `joinIndexName` returns, as a regular expression of Postgres. */
export const joinIndexPattern = '^join_[0-9a-f]{16}$'

/** Hashed, for names longer than Postgres keeps would be cut and could be those of others. */
export function joinIndexName(stream: string, column: string, { byText }: { byText: boolean }): string {
  const what = `${stream} ${column}${byText ? ' as text' : ''}`
  return `join_${createHash('sha256').update(what).digest('hex').slice(0, 16)}`
}
