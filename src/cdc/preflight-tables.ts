import type { Defect } from '../changes/source.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Connection } from './connection.ts'
import type { Account } from './preflight-account.ts'
import { mariadbCodec } from './rows/mariadb.ts'
import { mysqlCodec } from './rows/mysql.ts'
import type { Flavour } from './server.ts'
import { identifier, tableIdentifier } from './sql.ts'
import { chooseKey } from './table-key.ts'
import { describeTable, isWanted, type DescribedTable, type TableName } from './table.ts'

export interface WantedTable {
  readonly name: TableName
  readonly columns?: readonly string[] | undefined
}

/** The defects of one table. */
export async function checkTable(
  connection: Connection,
  wanted: WantedTable,
  account: Account,
): Promise<Defect[]> {
  const described = await describeTable(connection, wanted.name)
  if (described.kind === null) return [await whyInvisible(connection, wanted.name, account)]
  const defects = shapeDefects(described, wanted, connection.server.flavour)
  const grants = grantDefects(described, wanted, account)
  if (grants.length > 0 || wanted.columns !== undefined) return [...defects, ...grants]
  return [...defects, ...(await hiddenColumns(connection, wanted.name, account))]
}

/** What is wrong with a table whatever our grants are. */
export function shapeDefects(described: DescribedTable, wanted: WantedTable, flavour: Flavour): Defect[] {
  const name = `${wanted.name.schema}.${wanted.name.name}`
  if (described.kind !== 'BASE TABLE' && described.kind !== 'SYSTEM VERSIONED') {
    return [
      fatal({
        code: 'not-a-table',
        message: `${name} is a ${(described.kind ?? '').toLowerCase()}, which has no log and no key`,
        cure: 'List the tables it is made of under `tables` instead.',
      }),
    ]
  }
  return [
    ...keyDefects(described, wanted.name, flavour),
    ...missingColumns(described, wanted),
    ...columnDefects(described, wanted, flavour),
  ]
}

function fatal(defect: Omit<Defect, 'severity'>): Defect {
  return { severity: 'fatal', ...defect }
}

function keyDefects(described: DescribedTable, table: TableName, flavour: Flavour): Defect[] {
  const choice = chooseKey(described, (column) => codecOf(flavour)(column, options)?.paging !== undefined)
  if (choice.key !== null) return []
  const reasons = choice.passedOver.map(
    ({ index, reason }) => `; unique index ${index} cannot serve: ${reason}`,
  )
  const primary = described.indexes.some(({ name }) => name === 'PRIMARY')
  return [
    fatal({
      code: primary ? 'key-unsupported' : 'key-missing',
      message: `table ${table.schema}.${table.name} has no key to tell its rows apart by${reasons.join('')}`,
      cure: `alter table ${tableIdentifier(table)} ${newKey(described)};`,
    }),
  ]
}

/**
 * A unique index that only lacks `not null` becomes the primary key; else a column is added, which is unique only
 * where a primary key, that cannot be paged by, is there already.
 */
function newKey({ indexes, columns }: DescribedTable): string {
  const names = new Set(columns.map((column) => column.name.toLowerCase()))
  const name =
    ['row_id', 'syncline_row_id'].find((candidate) => !names.has(candidate)) ?? `row_id_${names.size}`
  const column = `add column ${identifier(name)} bigint unsigned not null auto_increment`
  if (indexes.some((index) => index.name === 'PRIMARY')) return `${column} unique`
  const unique = indexes.find((index) => index.unique && !index.columns.includes(null))
  if (unique === undefined) return `${column} primary key`
  return `add primary key (${unique.columns.map((part) => identifier(part ?? '')).join(', ')})`
}

function missingColumns(described: DescribedTable, { name, columns = [] }: WantedTable): Defect[] {
  const there = new Set(described.columns.map((column) => column.name))
  return columns
    .filter((column) => !there.has(column))
    .map((column) =>
      fatal({
        code: 'column-missing',
        message: `table ${name.schema}.${name.name} has no column ${column}`,
        cure: `Correct \`columns\` of this table; it has: ${[...there].join(', ')}.`,
      }),
    )
}

const noKey: ReadonlySet<string> = new Set()

function columnDefects(described: DescribedTable, wanted: WantedTable, flavour: Flavour): Defect[] {
  const table = `${wanted.name.schema}.${wanted.name.name}`
  const defects: Defect[] = []
  for (const column of described.columns) {
    if (!isWanted(column.name, wanted.columns, noKey)) continue
    const reason =
      column.name === '__proto__'
        ? 'has a name that rows cannot carry'
        : codecOf(flavour)(column, options) === null
          ? `has the type ${column.columnType}, which is not known`
          : null
    if (reason === null) continue
    const cure = 'Name the columns to mirror under `columns` of this table, without this one.'
    defects.push(
      fatal({ code: 'type-unsupported', message: `column ${table}.${column.name} ${reason}`, cure }),
    )
  }
  return defects
}

/** Which dates are refused does not matter here. */
const options = { zeroDates: 'reject' } as const

function codecOf(flavour: Flavour): typeof mysqlCodec {
  return flavour === 'mariadb' ? mariadbCodec : mysqlCodec
}

function grantDefects(described: DescribedTable, wanted: WantedTable, account: Account): Defect[] {
  const { columns, name } = wanted
  const unread = described.columns.filter(
    (column) => !column.selectable && isWanted(column.name, columns, noKey),
  )
  if (unread.length === 0) return []
  const names = unread.map((column) => column.name).join(', ')
  return [
    fatal({
      code: 'grant-missing',
      area: 'permission',
      message: `${account.text} may not select from ${name.schema}.${name.name} (${names})`,
      cure: account.grant('select', tableIdentifier(name)),
    }),
  ]
}

/** Columns without a grant are not even shown to us; that some were left out shows when all are asked for. */
async function hiddenColumns(connection: Connection, table: TableName, account: Account): Promise<Defect[]> {
  try {
    await connection.query(`select * from ${tableIdentifier(table)} limit 0`)
    return []
  } catch (error) {
    if (!(error instanceof OperatorError) || error.area !== 'permission') throw error
    return [
      {
        severity: 'warning',
        code: 'columns-hidden',
        message: `${account.text} may not select all columns of ${table.schema}.${table.name}: the others are not mirrored`,
        cure: account.grant('select', tableIdentifier(table)),
      },
    ]
  }
}

/** `information_schema` hides what we have no privilege on; the error of a select tells the two apart, mostly. */
async function whyInvisible(connection: Connection, table: TableName, account: Account): Promise<Defect> {
  const name = `${table.schema}.${table.name}`
  try {
    await connection.query(`select 1 from ${tableIdentifier(table)} limit 0`)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    if (error.area === 'permission') {
      const message = `${account.text} may not select from ${name}, if there is such a table`
      const cure = account.grant('select', tableIdentifier(table))
      return fatal({ code: 'grant-missing', area: 'permission', message, cure })
    }
  }
  return fatal({
    code: 'table-missing',
    message: `there is no table ${name} on ${connection.address}`,
    cure: 'Correct the names under `tables` of this source; on many servers they are case-sensitive.',
  })
}
