import { splitAtCommas, TokenReader, type Token } from './tokens.ts'

/** One part of an `alter table`, as far as rows and columns care. */
export type AlterAction =
  /** Neither columns nor values nor keys change: options, defaults of rows to come. */
  | { readonly kind: 'harmless' }
  | {
      readonly kind: 'add-column'
      readonly name: string
      /** As written, in lower case without spaces between its parts but before attributes. */
      readonly type: string
      /** Rows that are there already have null in it. */
      readonly empty: boolean
    }
  | { readonly kind: 'drop-column'; readonly name: string }
  | {
      readonly kind: 'modify-column'
      readonly name: string
      readonly newName: string
      readonly type: string
      /** It numbers the rows that have none, or 0. */
      readonly counts: boolean
    }
  | { readonly kind: 'rename-table'; readonly schema: string | null; readonly name: string }
  /** By which columns rows can be told apart, or with which other table's they change, may be another matter. */
  | { readonly kind: 'constraints' }
  /** Rows change without being logged, or it is not understood. */
  | { readonly kind: 'rewrite' }

const harmless: AlterAction = { kind: 'harmless' }
const constraints: AlterAction = { kind: 'constraints' }
const rewrite: AlterAction = { kind: 'rewrite' }

/** The parts of an `alter table` behind the table's name. */
export function alterActions(tokens: readonly Token[]): AlterAction[] {
  return splitAtCommas(tokens).flatMap((part) => readAction(new TokenReader(part)))
}

/** Each may be the key, belong to it or change rows with those of another table. */
const constraintWords = ['CONSTRAINT', 'PRIMARY', 'UNIQUE', 'FOREIGN']
const otherIndexWords = ['INDEX', 'KEY', 'FULLTEXT', 'SPATIAL', 'CHECK']

/** Options of the table, and how the statement itself is run. */
const options = new Set([
  ...['AUTO_INCREMENT', 'COMMENT', 'ROW_FORMAT', 'KEY_BLOCK_SIZE', 'STATS_PERSISTENT'],
  ...[
    'STATS_AUTO_RECALC',
    'STATS_SAMPLE_PAGES',
    'CHECKSUM',
    'TABLE_CHECKSUM',
    'PACK_KEYS',
    'DELAY_KEY_WRITE',
  ],
  ...[
    'MAX_ROWS',
    'MIN_ROWS',
    'AVG_ROW_LENGTH',
    'COMPRESSION',
    'ENCRYPTION',
    'ENCRYPTED',
    'ENCRYPTION_KEY_ID',
  ],
  ...['PAGE_CHECKSUM', 'PAGE_COMPRESSED', 'PAGE_COMPRESSION_LEVEL', 'TRANSACTIONAL', 'DEFAULT', 'CHARACTER'],
  ...['CHARSET', 'COLLATE', 'TABLESPACE', 'DATA', 'INDEX', 'ALGORITHM', 'LOCK', 'FORCE', 'DISABLE', 'ENABLE'],
  ...['WITH', 'WITHOUT', 'WAIT', 'NOWAIT', 'AUTOEXTEND_SIZE', 'SECONDARY_ENGINE', 'SECONDARY_LOAD', 'ORDER'],
  ...['SECONDARY_UNLOAD', 'ENGINE_ATTRIBUTE', 'SECONDARY_ENGINE_ATTRIBUTE', 'REMOVE', 'PARTITION'],
  ...['ANALYZE', 'OPTIMIZE', 'REBUILD', 'COALESCE', 'REORGANIZE'],
])

function readAction(reader: TokenReader): AlterAction[] {
  const { keyword } = reader
  switch (keyword) {
    case '':
      return [reader.isAtEnd ? harmless : rewrite]
    case 'ADD':
      reader.take()
      return readAdd(reader)
    case 'DROP':
      reader.take()
      return [readDrop(reader)]
    case 'RENAME':
      reader.take()
      return [readRename(reader)]
    case 'CHANGE':
    case 'MODIFY':
      reader.take()
      return [readModify(reader, keyword === 'CHANGE')]
    case 'ALTER':
      return [harmless]
    case 'ENGINE':
      // It forgets what it is given.
      return [reader.rest.some(({ text }) => text.toUpperCase() === 'BLACKHOLE') ? rewrite : harmless]
    default:
      return [options.has(keyword) ? harmless : rewrite]
  }
}

function readAdd(reader: TokenReader): AlterAction[] {
  const named = reader.accept('COLUMN') !== null
  if (!named) {
    if (reader.accept(...constraintWords) !== null) return [constraints]
    if (reader.accept('PARTITION', ...otherIndexWords) !== null) return [harmless]
    // Of MariaDB: from then on deletions look like updates.
    if (['SYSTEM', 'PERIOD'].includes(reader.keyword)) return [rewrite]
  }
  reader.acceptExistence()
  if (!reader.acceptSymbol('(')) return [readColumn(reader)]
  const inside = reader.rest.slice(0, -1)
  return splitAtCommas(inside).map((part) => {
    const definition = new TokenReader(part)
    if (definition.accept(...constraintWords) !== null) return constraints
    return definition.accept(...otherIndexWords) === null ? readColumn(definition) : harmless
  })
}

function readColumn(reader: TokenReader): AlterAction {
  const name = reader.name()
  if (name === null) return rewrite
  const { type, attributes } = readType(reader.rest)
  return { kind: 'add-column', name, type, empty: isEmpty(attributes) }
}

/** Anything that could give existing rows a value says so in a word. */
function isEmpty(attributes: readonly string[]): boolean {
  return attributes.every((word, index) => {
    if (word === 'DEFAULT') return attributes[index + 1] === 'NULL'
    return ![
      'NOT',
      'AS',
      'GENERATED',
      'AUTO_INCREMENT',
      'SERIAL',
      'PRIMARY',
      'ON',
      'ROW',
      'REF_SYSTEM_ID',
    ].includes(word)
  })
}

/** Words that belong to a type although they stand apart. */
const typeWords = new Set(['UNSIGNED', 'ZEROFILL', 'PRECISION', 'VARYING', 'SIGNED'])

function readType(tokens: readonly Token[]): {
  readonly type: string
  readonly attributes: readonly string[]
} {
  let type = tokens[0]?.text.toLowerCase() ?? ''
  let at = 1
  if (tokens[at]?.text === '(') {
    const end = tokens.findIndex(({ kind, text }, index) => index > at && kind === 'symbol' && text === ')')
    const inside = tokens.slice(at + 1, end < 0 ? undefined : end)
    type += `(${inside.map(({ kind, text }) => (kind === 'text' ? `'${text}'` : text)).join('')})`
    at = end < 0 ? tokens.length : end + 1
  }
  while (typeWords.has(tokens[at]?.text.toUpperCase() ?? ''))
    type += ` ${tokens[at++]?.text.toLowerCase() ?? ''}`
  const words = tokens.slice(at).map(({ kind, text }) => (kind === 'word' ? text.toUpperCase() : ''))
  return { type, attributes: words }
}

function readDrop(reader: TokenReader): AlterAction {
  const named = reader.accept('COLUMN') !== null
  if (!named) {
    if (reader.accept(...constraintWords, ...otherIndexWords) !== null) return constraints
    if (['PARTITION', 'SYSTEM', 'PERIOD'].includes(reader.keyword)) return rewrite
  }
  reader.acceptExistence()
  const name = reader.name()
  return name === null ? rewrite : { kind: 'drop-column', name }
}

function readRename(reader: TokenReader): AlterAction {
  if (reader.accept('INDEX', 'KEY') !== null) return harmless
  if (reader.accept('COLUMN') !== null) return rewrite
  reader.accept('TO', 'AS')
  reader.acceptSymbol('=')
  const first = reader.name()
  if (first === null) return rewrite
  const second = reader.acceptSymbol('.') ? reader.name() : null
  return { kind: 'rename-table', schema: second === null ? null : first, name: second ?? first }
}

function readModify(reader: TokenReader, renames: boolean): AlterAction {
  reader.accept('COLUMN')
  reader.acceptExistence()
  const name = reader.name()
  const newName = renames ? reader.name() : name
  if (name === null || newName === null) return rewrite
  const { type, attributes } = readType(reader.rest)
  // What is computed may be computed anew.
  if (['AS', 'GENERATED'].some((word) => attributes.includes(word))) return rewrite
  return { kind: 'modify-column', name, newName, type, counts: attributes.includes('AUTO_INCREMENT') }
}
