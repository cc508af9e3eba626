import { alterActions, type AlterAction } from './alter-actions.ts'
import { TokenReader, tokenize, type Token } from './tokens.ts'

/** A table as a statement names it; without a schema it is in the session's own. */
export interface NamedTable {
  readonly schema: string | null
  readonly name: string
}

/** A statement of the log that is not a row change, as far as captured tables care. */
export type Statement =
  /** No table's rows or columns change. */
  | { readonly kind: 'irrelevant' }
  | { readonly kind: 'create'; readonly table: NamedTable; readonly ifNotExists: boolean }
  | { readonly kind: 'alter'; readonly table: NamedTable; readonly actions: readonly AlterAction[] }
  | { readonly kind: 'rename'; readonly pairs: readonly (readonly [from: NamedTable, to: NamedTable])[] }
  | { readonly kind: 'drop'; readonly tables: readonly NamedTable[] }
  | { readonly kind: 'drop-schema'; readonly schema: string }
  | { readonly kind: 'truncate'; readonly table: NamedTable }
  /** Rows were changed and only the statement was logged. */
  | { readonly kind: 'write'; readonly table: NamedTable }
  /** It may do anything to the tables whose names occur in it. */
  | { readonly kind: 'unknown'; readonly words: ReadonlySet<string> }

const irrelevant: Statement = { kind: 'irrelevant' }

const withoutTables = new Set([
  ...[
    'GRANT',
    'REVOKE',
    'SET',
    'FLUSH',
    'ANALYZE',
    'OPTIMIZE',
    'CHECK',
    'INSTALL',
    'UNINSTALL',
    'LOCK',
    'UNLOCK',
  ],
  ...[
    'USE',
    'CHANGE',
    'START',
    'STOP',
    'RESET',
    'PURGE',
    'KILL',
    'SHOW',
    'CACHE',
    'CLONE',
    'SHUTDOWN',
    'DUMMY',
  ],
])

/** Pure and total: whatever is not understood is `unknown`. */
export function parseStatement(sql: string): Statement {
  const tokens = tokenize(sql)
  return readStatement(new TokenReader(tokens)) ?? unknown(tokens)
}

function unknown(tokens: readonly Token[]): Statement {
  const words = tokens.filter(({ kind }) => kind !== 'symbol').map(({ text }) => text.toLowerCase())
  return { kind: 'unknown', words: new Set(words) }
}

/** Null when it is not understood. */
function readStatement(reader: TokenReader): Statement | null {
  if (reader.isAtEnd) return irrelevant
  const { keyword } = reader
  if (withoutTables.has(keyword)) return irrelevant
  reader.take()
  switch (keyword) {
    case 'CREATE':
      return readCreate(reader)
    case 'ALTER':
      return readAlter(reader)
    case 'RENAME':
      return readRename(reader)
    case 'DROP':
      return readDrop(reader)
    case 'TRUNCATE': {
      reader.accept('TABLE')
      const table = readTable(reader)
      return table && { kind: 'truncate', table }
    }
    case 'INSERT':
    case 'REPLACE': {
      while (reader.accept('LOW_PRIORITY', 'DELAYED', 'HIGH_PRIORITY', 'IGNORE', 'INTO') !== null);
      const table = readTable(reader)
      return table && { kind: 'write', table }
    }
    default:
      return null
  }
}

/** What `create`, `alter` and `drop` can be about, beside tables. */
const otherObjects = new Set([
  ...['VIEW', 'TRIGGER', 'PROCEDURE', 'FUNCTION', 'EVENT', 'USER', 'ROLE', 'SERVER', 'SEQUENCE'],
  ...['TABLESPACE', 'LOGFILE', 'UNDO', 'RESOURCE', 'INSTANCE', 'PACKAGE', 'LIBRARY', 'REFERENCE', 'PREPARE'],
])

/** `TABLE`, `INDEX`, `SCHEMA`, another object, or null; passes over what stands before it (`or replace`, `definer = …`). */
function readObject(reader: TokenReader): 'TABLE' | 'INDEX' | 'SCHEMA' | 'OTHER' | null {
  for (let token = reader.take(); token !== null; token = reader.take()) {
    const word = token.kind === 'word' ? token.text.toUpperCase() : ''
    if (word === 'TABLE' || word === 'TABLES') return 'TABLE'
    if (word === 'INDEX') return 'INDEX'
    if (word === 'TEMPORARY') return 'OTHER'
    if (word === 'DATABASE' || word === 'SCHEMA') return 'SCHEMA'
    if (otherObjects.has(word)) return 'OTHER'
  }
  return null
}

function readCreate(reader: TokenReader): Statement | null {
  const object = readObject(reader)
  if (object === 'INDEX') return readIndex(reader)
  if (object !== 'TABLE') return object === null ? null : irrelevant
  const ifNotExists = reader.acceptExistence()
  const table = readTable(reader)
  return table && { kind: 'create', table, ifNotExists }
}

/** The same as an `alter table`: a unique index may be what rows are told apart by. */
function readIndex(reader: TokenReader): Statement | null {
  reader.acceptExistence()
  reader.name()
  if (reader.accept('USING') !== null) reader.take()
  const table = reader.accept('ON') === null ? null : readTable(reader)
  return table && { kind: 'alter', table, actions: [{ kind: 'constraints' }] }
}

function readAlter(reader: TokenReader): Statement | null {
  const object = readObject(reader)
  if (object !== 'TABLE') return object === null ? null : irrelevant
  reader.acceptExistence()
  const table = readTable(reader)
  if (table === null) return null
  if (reader.accept('WAIT') !== null) reader.take()
  reader.accept('NOWAIT')
  // Swaps rows with a second table: both are what occurs in it.
  if (reader.rest.some(({ kind, text }) => kind === 'word' && text.toUpperCase() === 'EXCHANGE')) return null
  return { kind: 'alter', table, actions: alterActions(reader.rest) }
}

function readRename(reader: TokenReader): Statement | null {
  if (reader.accept('TABLE', 'TABLES') === null) return reader.keyword === 'USER' ? irrelevant : null
  reader.acceptExistence()
  const pairs: [NamedTable, NamedTable][] = []
  do {
    const from = readTable(reader)
    if (reader.accept('WAIT') !== null) reader.take()
    reader.accept('NOWAIT')
    const to = reader.accept('TO') === null ? null : readTable(reader)
    if (from === null || to === null) return null
    pairs.push([from, to])
  } while (reader.acceptSymbol(','))
  return { kind: 'rename', pairs }
}

function readDrop(reader: TokenReader): Statement | null {
  const object = readObject(reader)
  if (object === 'OTHER') return irrelevant
  if (object === 'INDEX') return readIndex(reader)
  if (object === null) return null
  reader.acceptExistence()
  if (object === 'SCHEMA') {
    const schema = reader.name()
    return schema === null ? null : { kind: 'drop-schema', schema }
  }
  const tables: NamedTable[] = []
  do {
    const table = readTable(reader)
    if (table === null) return null
    tables.push(table)
  } while (reader.acceptSymbol(','))
  return { kind: 'drop', tables }
}

function readTable(reader: TokenReader): NamedTable | null {
  const first = reader.name()
  if (first === null) return null
  if (!reader.acceptSymbol('.')) return { schema: null, name: first }
  const second = reader.name()
  return second === null ? null : { schema: first, name: second }
}
