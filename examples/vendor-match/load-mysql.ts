import { createConnection, type Connection, type ConnectionOptions } from 'mysql2/promise'
import type { InternalUser, Practice } from './records.ts'

export interface LoadOptions {
  /** To the server, as a user who may create the schema. */
  readonly connection: ConnectionOptions
  readonly users: Iterable<InternalUser>
  readonly practices: Iterable<Practice>
  /** The schema that is created; tables in it of the same names are replaced. */
  readonly schema?: string
  readonly signal?: AbortSignal
  /** Told after every statement how many users are loaded. */
  readonly onProgress?: (loaded: number) => void
}

export const defaultSchema = 'data_engineer'

const userColumns = [
  'id',
  'practice_id',
  'firstname',
  'lastname',
  'classification',
  'specialty',
  'platform_registered_on',
  'last_active_date',
] as const

/** Creates the internal platform's schema as systems like it have it, and fills it. Returns the number of users. */
export async function loadMysql({
  connection: options,
  schema = defaultSchema,
  ...data
}: LoadOptions): Promise<number> {
  const connection = await createConnection({ charset: 'utf8mb4', ...options })
  try {
    const [createSchema = '', useSchema = '', ...createTables] = schemaStatements(schema)
    const replaced = 'drop table if exists user, user_practice'
    for (const statement of [createSchema, useSchema, replaced, ...createTables]) {
      await connection.query(statement)
    }
    await connection.query('insert into user_practice (id, name, location) values ?', [
      [...data.practices].map(({ id, name, location }) => [id, name, location]),
    ])
    const loaded = await insertUsers(connection, data)
    await connection.query('create index lastname on user (lastname)')
    await connection.query('analyze table user, user_practice')
    return loaded
  } finally {
    await connection.end().catch(() => {
      connection.destroy()
    })
  }
}

/**
 * The statements that create the schema and its two tables, without the index that is added after loading. They drop
 * nothing and fail on tables that are there: the server may hold real ones of these names.
 */
export function schemaStatements(schema: string): string[] {
  const name = `\`${schema.replaceAll('`', '``')}\``
  return [
    `create database if not exists ${name} character set utf8mb4`,
    `use ${name}`,
    `create table user_practice (
  id int not null auto_increment primary key comment 'The practice.',
  name varchar(50) null comment 'The name of the practice, made up.',
  location varchar(50) null comment 'The town, in small letters, words separated by spaces.'
) engine = InnoDB comment 'Practices at which the users of the internal platform work.'`,
    `create table user (
  id int not null auto_increment primary key comment 'The user.',
  practice_id int null comment 'The practice at which the user works.',
  firstname varchar(50) null comment 'Given name.',
  lastname varchar(50) null comment 'Surname.',
  classification varchar(50) null comment 'How the user takes part; not comparable with the classes of the vendor.',
  specialty varchar(50) null comment 'Medical specialty.',
  platform_registered_on varchar(25) null comment 'On which platform the user registered: mobile or website.',
  last_active_date date null comment 'The day on which the user was last active.'
) engine = InnoDB comment 'Users of the internal platform.'`,
  ]
}

/** Measured: larger statements are not faster, and MySQL 9 takes them more slowly. */
const rowsPerStatement = 1_000
const statementsPerTransaction = 40

/** Multi-row inserts, some to a transaction; the next rows are made while the server works on the last ones. */
async function insertUsers(
  connection: Connection,
  { users, signal, onProgress }: Pick<LoadOptions, 'users' | 'signal' | 'onProgress'>,
): Promise<number> {
  const sql = `insert into user (${userColumns.join(', ')}) values ?`
  let loaded = 0
  let statements = 0
  let working: Promise<unknown> = connection.query('start transaction')
  for (const rows of inChunks(users, rowsPerStatement)) {
    signal?.throwIfAborted()
    const text = connection.format(sql, [rows.map((user) => userColumns.map((column) => user[column]))])
    await working
    onProgress?.(loaded)
    loaded += rows.length
    working = insertSome(connection, text, ++statements % statementsPerTransaction === 0)
    // A rejection is seen by the `await` of the next turn; without this it would count as unhandled until then.
    working.catch(() => undefined)
  }
  await working
  await connection.query('commit')
  onProgress?.(loaded)
  return loaded
}

async function insertSome(connection: Connection, text: string, commit: boolean): Promise<void> {
  await connection.query(text)
  if (!commit) return
  await connection.query('commit')
  await connection.query('start transaction')
}

function* inChunks<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = []
  for (const item of items) {
    chunk.push(item)
    if (chunk.length < size) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
