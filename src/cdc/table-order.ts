/**
 * The order in which tables are read, by the server's own estimates: records of a match find those of the other side in
 * memory, which holds the smaller one, and what records join is there before them.
 */
export function smallestFirst<T extends { readonly estimatedRows: number }>(tables: readonly T[]): T[] {
  return tables.toSorted((a, b) => a.estimatedRows - b.estimatedRows)
}
