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
  /**
   * Rows were changed and only the statement was logged. They may be of any table: behind a name may stand a view, a
   * trigger of the table or a function that is called, and none of them is in the log.
   */
  | { readonly kind: 'write' }
  /** It may do anything to the tables whose names occur in it. */
  | { readonly kind: 'unknown'; readonly words: ReadonlySet<string> }

const irrelevant: Statement = { kind: 'irrelevant' }
const write: Statement = { kind: 'write' }

const withoutTables = new Set([
  ...['GRANT', 'REVOKE', 'FLUSH', 'OPTIMIZE', 'CHECK', 'INSTALL', 'UNINSTALL', 'LOCK', 'UNLOCK'],
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
    case 'SET':
      return readSet(reader)
    case 'ANALYZE':
      // Of MariaDB: `analyze update …` also does it.
      reader.accept('NO_WRITE_TO_BINLOG', 'LOCAL')
      return reader.accept('TABLE', 'TABLES') === null ? write : irrelevant
    case 'REPAIR':
      return null
    default:
      return write
  }
}

/** MariaDB's `set statement … for` has another statement in it. */
function readSet(reader: TokenReader): Statement | null {
  if (reader.accept('STATEMENT') === null) return irrelevant
  while (!reader.isAtEnd && reader.accept('FOR') === null) reader.take()
  return readStatement(reader)
}

/** What `create`, `alter` and `drop` can be about, beside tables. */
const otherObjects = new Set([
  ...['VIEW', 'TRIGGER', 'PROCEDURE', 'FUNCTION', 'EVENT', 'USER', 'ROLE', 'SERVER', 'SEQUENCE'],
  ...['TABLESPACE', 'LOGFILE', 'UNDO', 'RESOURCE', 'INSTANCE', 'PACKAGE', 'LIBRARY', 'REFERENCE', 'PREPARE'],
])

/** `TABLE`, `TEMPORARY`, `INDEX`, `SCHEMA`, another object, or null; passes over what stands before it (`or replace`, `definer = …`). */
function readObject(reader: TokenReader): 'TABLE' | 'TEMPORARY' | 'INDEX' | 'SCHEMA' | 'OTHER' | null {
  for (let token = reader.take(); token !== null; token = reader.take()) {
    const word = token.kind === 'word' ? token.text.toUpperCase() : ''
    if (word === 'TABLE' || word === 'TABLES') return 'TABLE'
    if (word === 'INDEX') return 'INDEX'
    if (word === 'TEMPORARY') return 'TEMPORARY'
    if (word === 'DATABASE' || word === 'SCHEMA') return 'SCHEMA'
    if (otherObjects.has(word)) return 'OTHER'
  }
  return null
}

function readCreate(reader: TokenReader): Statement | null {
  const object = readObject(reader)
  if (object === 'INDEX') return readIndex(reader)
  // Where rows are logged as rows the log has the table's columns instead of the query that fills it.
  if ((object === 'TABLE' || object === 'TEMPORARY') && reader.has('SELECT', 'VALUES ROW')) return write
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
  reader.accept('ONLINE')
  const dropsRows = reader.accept('IGNORE') !== null
  const object = readObject(reader)
  if (object !== 'TABLE') return object === null ? null : irrelevant
  reader.acceptExistence()
  const table = readTable(reader)
  if (table === null) return null
  if (reader.accept('WAIT') !== null) reader.take()
  reader.accept('NOWAIT')
  // A second table gives or takes rows: both are what occurs in it.
  if (reader.has('EXCHANGE', 'CONVERT TABLE', 'CONVERT PARTITION')) return null
  const actions = alterActions(reader.rest)
  return { kind: 'alter', table, actions: dropsRows ? [...actions, { kind: 'rewrite' }] : actions }
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
  if (object === 'OTHER' || object === 'TEMPORARY') return irrelevant
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
