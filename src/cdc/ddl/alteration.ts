import type { DescribedColumn, DescribedTable } from '../table.ts'
import type { AlterAction } from './alter-actions.ts'
import { holdsAllOf, normalType } from './column-type.ts'

/**
 * What an `alter table` means for rows that were mirrored already: nothing but another list of columns, or that they
 * have to be read again, and why.
 */
export type Alteration = { readonly kind: 'columns' } | { readonly kind: 'read-again'; readonly why: string }

export interface AlteredTable {
  /** What it was before this statement. */
  readonly before: DescribedTable
  /** What it is now; the statement may be an old one, and others may have come after it. */
  readonly now: DescribedTable
  readonly actions: readonly AlterAction[]
}

/**
 * The description that a server gives is that of now, and the statement one of then. Only if what was before and what
 * the statement says make exactly what is now may the rows stay: otherwise later statements, which the log has yet to
 * bring, are in the description as well, and nobody could tell their effects apart.
 */
export function alterationOf({ before, now, actions }: AlteredTable): Alteration {
  const columns = new Map(before.columns.map((column) => [column.name.toLowerCase(), column]))
  const found = new Map(now.columns.map((column) => [column.name.toLowerCase(), column]))
  for (const action of actions) {
    const why = applyAction(action, columns, found)
    if (why !== null) return { kind: 'read-again', why }
  }
  const same =
    columns.size === found.size && [...columns].every(([name, column]) => isSame(column, found.get(name)))
  return same ? { kind: 'columns' } : { kind: 'read-again', why: 'has been altered again since' }
}

type Columns = Map<string, DescribedColumn>

/** Changes `columns` as the statement does. A text when rows have to be read again. */
function applyAction(
  action: AlterAction,
  columns: Columns,
  found: ReadonlyMap<string, DescribedColumn>,
): string | null {
  switch (action.kind) {
    case 'harmless':
    case 'constraints':
    case 'rename-table':
      return null
    case 'rewrite':
      return 'was altered in a way that changes rows without logging them'
    case 'drop-column':
      columns.delete(action.name.toLowerCase())
      return null
    case 'add-column': {
      const name = action.name.toLowerCase()
      if (columns.has(name)) return null
      const added = found.get(name)
      if (added === undefined || normalType(added.columnType) !== normalType(action.type))
        return 'has been altered again since'
      if (!action.empty || added.filled)
        return `got the column ${action.name}, which has a value in the rows that were there`
      columns.set(name, added)
      return null
    }
    case 'modify-column':
      return modify(action, columns, found)
    default:
      return action satisfies never
  }
}

function modify(
  { name, newName, type, counts }: Extract<AlterAction, { kind: 'modify-column' }>,
  columns: Columns,
  found: ReadonlyMap<string, DescribedColumn>,
): string | null {
  if (name.toLowerCase() !== newName.toLowerCase()) return `has the column ${name} renamed to ${newName}`
  const before = columns.get(name.toLowerCase())
  const now = found.get(name.toLowerCase())
  if (before === undefined || now === undefined) return 'has been altered again since'
  if (normalType(type) !== normalType(now.columnType)) return 'has been altered again since'
  if (counts && !before.counts) return `has rows numbered by the column ${name}`
  const widened = holdsAllOf(normalType(now.columnType), normalType(before.columnType))
  const kept = widened && (now.nullable || !before.nullable) && now.characterSet === before.characterSet
  if (!kept)
    return `has the type of the column ${name} changed from ${before.columnType} to ${now.columnType}`
  columns.set(name.toLowerCase(), now)
  return null
}

function isSame(a: DescribedColumn, b: DescribedColumn | undefined): boolean {
  return (
    b !== undefined &&
    normalType(a.columnType) === normalType(b.columnType) &&
    a.nullable === b.nullable &&
    a.characterSet === b.characterSet &&
    a.checkedJson === b.checkedJson
  )
}
