import type { SourceColumn } from './rows/source-column.ts'

export interface Index {
  readonly name: string
  readonly unique: boolean
  /** In index order; null for an expression or for a prefix of a column. */
  readonly columns: readonly (string | null)[]
}

/** How a table's rows are told apart and paged through. */
export interface TableKey {
  /** The index that holds them in order. */
  readonly index: string
  readonly columns: readonly string[]
}

export interface KeyChoice {
  readonly key: TableKey | null
  /** Unique indexes that were passed over, and why. */
  readonly passedOver: readonly { readonly index: string; readonly reason: string }[]
}

interface Candidates {
  readonly indexes: readonly Index[]
  readonly columns: readonly SourceColumn[]
}

/** The primary key, else the shortest unique index without nulls. */
export function chooseKey(
  { indexes, columns }: Candidates,
  canBePagedBy: (column: SourceColumn) => boolean,
): KeyChoice {
  const byName = new Map(columns.map((column) => [column.name, column]))
  const passedOver: { index: string; reason: string }[] = []
  const usable: TableKey[] = []
  for (const index of indexes.filter(({ unique }) => unique)) {
    const reason = whyNot(index, byName, canBePagedBy)
    if (reason === null) usable.push({ index: index.name, columns: index.columns as readonly string[] })
    else passedOver.push({ index: index.name, reason })
  }
  const [first] = usable.sort((a, b) => rank(a) - rank(b) || (a.index < b.index ? -1 : 1))
  return { key: first ?? null, passedOver }
}

function rank({ index, columns }: TableKey): number {
  return index === 'PRIMARY' ? 0 : columns.length
}

function whyNot(
  { columns }: Index,
  byName: ReadonlyMap<string, SourceColumn>,
  canBePagedBy: (column: SourceColumn) => boolean,
): string | null {
  for (const name of columns) {
    const column = name === null ? undefined : byName.get(name)
    if (column === undefined) return 'it covers a prefix of a column or an expression'
    if (column.nullable) return `column ${column.name} may be null`
    if (!canBePagedBy(column)) return `column ${column.name} of type ${column.columnType} cannot be paged by`
  }
  return null
}
