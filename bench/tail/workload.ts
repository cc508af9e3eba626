import { createConnection, createPool, type Connection } from 'mysql2/promise'
import { database } from './systems.ts'

/** A table as shops have it: a few numbers, a decimal, a time, some text. */
export async function createTables(mysqlUrl: string): Promise<void> {
  const url = new URL(mysqlUrl)
  url.pathname = '/'
  const connection = await createConnection({ uri: url.href, multipleStatements: true })
  await connection.query(
    `create database ${database}; use ${database};
     create table purchase (
       id bigint primary key, customer int not null, state varchar(20) not null, amount decimal(12,2) not null,
       bought_at datetime(3) not null, note varchar(100));
     create table beacon (name varchar(40) primary key, sent bigint not null)`,
  )
  await connection.end()
}

/** `count` rows by inserts of `perTransaction` rows, then as many of them changed again by `updates` rows. */
export async function writeBulk(
  mysqlUrl: string,
  {
    firstId,
    inserts,
    updates,
    perTransaction,
  }: { firstId: number; inserts: number; updates: number; perTransaction: number },
): Promise<void> {
  const connection = await createConnection(mysqlUrl)
  try {
    for (let done = 0; done < inserts; done += perTransaction) {
      await insertRows(connection, firstId + done, Math.min(perTransaction, inserts - done))
    }
    for (let done = 0; done < updates; done += perTransaction) {
      await connection.query(
        `update purchase set state = 'shipped', amount = amount + 1 where id >= ? and id < ?`,
        [firstId + done, firstId + Math.min(done + perTransaction, updates)],
      )
    }
  } finally {
    await connection.end()
  }
}

/** Rows one transaction each, by several writers at once, as an application writes. */
export async function writeSingly(
  mysqlUrl: string,
  { firstId, count, writers }: { firstId: number; count: number; writers: number },
): Promise<void> {
  const pool = createPool({ uri: mysqlUrl, connectionLimit: writers })
  let next = 0
  try {
    await Promise.all(
      Array.from({ length: writers }, async () => {
        while (next < count) {
          const id = firstId + next++
          await pool.query('insert into purchase values (?, ?, ?, ?, now(3), ?)', [
            id,
            id % 10_000,
            'new',
            (id % 9973) / 100,
            `purchase ${id}`,
          ])
        }
      }),
    )
  } finally {
    await pool.end()
  }
}

/** All rows in one transaction, made on the server. */
export async function writeAtOnce(
  mysqlUrl: string,
  { firstId, count }: { firstId: number; count: number },
): Promise<void> {
  const connection = await createConnection(mysqlUrl)
  try {
    const digits =
      '(select 0 d union all select 1 union all select 2 union all select 3 union all select 4 union all select 5 union all select 6 union all select 7 union all select 8 union all select 9)'
    const places = Array.from({ length: 7 }, (_, place) => `${digits} d${place}`)
    const number = places.map((_, place) => `d${place}.d * ${10 ** place}`).join(' + ')
    await connection.query(
      `insert into purchase
       select ? + n, n % 10000, 'new', (n % 9973) / 100, '2017-02-02 10:00:00.123', concat('purchase ', n)
         from (select ${number} as n from ${places.join(' cross join ')}) numbers where n < ?`,
      [firstId, count],
    )
  } finally {
    await connection.end()
  }
}

async function insertRows(connection: Connection, firstId: number, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => {
    const id = firstId + i
    return [id, id % 10_000, 'new', (id % 9973) / 100, '2017-02-02 10:00:00.123', `purchase ${id}`]
  })
  await connection.query('insert into purchase values ?', [rows])
}

/** The last row of a workload: all before it has arrived when it has. */
export async function sendBeacon(mysqlUrl: string, name: string): Promise<void> {
  const connection = await createConnection(mysqlUrl)
  await connection.query('insert into beacon values (?, 0)', [name])
  await connection.end()
}
