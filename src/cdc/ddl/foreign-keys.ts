import { splitAtCommas, TokenReader, tokenize } from './tokens.ts'

/** By which rows of its table change when rows of another one do. */
export interface CascadingKey {
  readonly name: string
  readonly columns: readonly string[]
  /** Null is the schema of the table itself. */
  readonly parentSchema: string | null
  readonly parent: string
  readonly parentColumns: readonly string[]
  /** In lower case: `cascade`, `set null`, `restrict`… */
  readonly onDelete: string
  readonly onUpdate: string
}

/** Those of a statement as `show create table` prints it. */
export function cascadingKeys(createTable: string): CascadingKey[] {
  const tokens = tokenize(createTable)
  const open = tokens.findIndex(({ kind, text }) => kind === 'symbol' && text === '(')
  return splitAtCommas(tokens.slice(open + 1))
    .map((part) => readForeignKey(new TokenReader(part)))
    .filter((key) => key !== null)
    .filter(({ onDelete, onUpdate }) => changesRows(onDelete) || changesRows(onUpdate))
}

function changesRows(action: string): boolean {
  return action !== 'restrict' && action !== 'no action'
}

/** Null when it is something else. */
function readForeignKey(reader: TokenReader): CascadingKey | null {
  if (reader.accept('CONSTRAINT') === null) return null
  const name = reader.name()
  if (name === null || reader.accept('FOREIGN') === null || reader.accept('KEY') === null) return null
  const columns = readNames(reader)
  if (reader.accept('REFERENCES') === null) return null
  const first = reader.name() ?? ''
  const second = reader.acceptSymbol('.') ? reader.name() : null
  const parentColumns = readNames(reader)
  const actions = { DELETE: 'restrict', UPDATE: 'restrict' }
  while (reader.accept('ON') !== null) {
    const event = reader.accept('DELETE', 'UPDATE')
    if (event === 'DELETE' || event === 'UPDATE') actions[event] = readAction(reader)
  }
  return {
    ...{ name, columns, parentColumns, onDelete: actions.DELETE, onUpdate: actions.UPDATE },
    ...(second === null ? { parentSchema: null, parent: first } : { parentSchema: first, parent: second }),
  }
}

function readAction(reader: TokenReader): string {
  const words = [
    reader.accept('CASCADE', 'RESTRICT', 'SET', 'NO'),
    reader.accept('NULL', 'DEFAULT', 'ACTION'),
  ]
  return words
    .filter((word) => word !== null)
    .join(' ')
    .toLowerCase()
}

function readNames(reader: TokenReader): string[] {
  const names: string[] = []
  if (!reader.acceptSymbol('(')) return names
  while (!reader.isAtEnd && !reader.acceptSymbol(')')) {
    const name = reader.name()
    if (name !== null) names.push(name)
    else reader.take()
  }
  return names
}
