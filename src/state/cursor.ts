import type { Bound, Session } from './session.ts'

const rowsPerFetch = 10_000

/**
 * The rows of a query in pieces, so that a result of any size takes bounded memory. Other statements may run between the
 * pieces, another such query may not. Needs an open transaction.
 */
export async function* eachPiece(
  session: Session,
  { query, values, signal }: { query: string; values: readonly Bound[]; signal: AbortSignal },
): AsyncGenerator<(string | null)[][]> {
  // All rows will be read: a plan that is quick to give the first ones would be slow.
  await session.query('set local cursor_tuple_fraction = 1')
  await session.query(`declare piece no scroll cursor for ${query}`, values)
  for (;;) {
    signal.throwIfAborted()
    const rows = await session.query(`fetch ${rowsPerFetch} from piece`)
    if (rows.length > 0) yield rows
    if (rows.length < rowsPerFetch) break
  }
  await session.query('close piece')
}
