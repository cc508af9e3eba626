/** One column of a stream as the warehouse declares it. */
export interface Column {
  readonly name: string
  /** A Postgres type as it is written in DDL, for instance `numeric(10,2)`. */
  readonly type: string
  readonly nullable: boolean
  /** 1-based place within the key, or null when the column is not part of it. */
  readonly keyPosition: number | null
  /** The source's comment or the operator's description, for `comment on column`. */
  readonly comment: string | null
}

/** The names of the key columns in key order. */
export function keyColumns(columns: readonly Column[]): string[] {
  return columns
    .filter((column) => column.keyPosition !== null)
    .sort((a, b) => (a.keyPosition ?? 0) - (b.keyPosition ?? 0))
    .map((column) => column.name)
}
