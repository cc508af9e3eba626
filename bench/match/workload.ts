import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection, type Connection } from 'mysql2/promise'
import type { People, PersonChange } from './people.ts'

/** Rows of one transaction of the backlog. */
const perTransaction = 10
const writers = 8
/** How many transactions of the backlog lie between two beacons. */
const beaconEvery = 50

/** Writes `changes` random changes as an application that is busy does; a beacon tells how many come before it. */
export async function writeBacklog(
  mysqlUrl: string,
  people: People,
  { changes, firstBeacon }: { changes: number; firstBeacon: number },
): Promise<void> {
  let written = 0
  const write = async (): Promise<void> => {
    const connection = await createConnection({ uri: mysqlUrl, multipleStatements: true })
    while (written < changes) {
      const count = Math.min(perTransaction, changes - written)
      written += count
      const isBeacon = (written / perTransaction) % beaconEvery === 0
      const rows = Array.from({ length: count }, () => people.change())
      // In one order, so that transactions wait for each other and never in a circle.
      rows.sort((a, b) => a.table.localeCompare(b.table) || a.row.id - b.row.id)
      const statements = rows.map((change) => changeSql(connection, change))
      const beacon = isBeacon ? [`insert into beacon values (${firstBeacon + written})`] : []
      await connection.query(['begin', ...statements, ...beacon, 'commit'].join(';'))
    }
    await connection.end()
  }
  await Promise.all(Array.from({ length: writers }, write))
  await sendBeacon(mysqlUrl, firstBeacon + changes + 1)
}

/** Single changes at a steady rate until told to stop, each with a beacon. Returns when each was committed. */
export async function writeSteadily(
  mysqlUrl: string,
  people: People,
  { perSecond, firstBeacon, times, until }: Steady,
): Promise<void> {
  const connection = await createConnection({ uri: mysqlUrl, multipleStatements: true })
  const began = performance.now()
  for (let n = 0; !until(n); n++) {
    const ahead = began + (n * 1000) / perSecond - performance.now()
    if (ahead > 0) await sleep(ahead)
    const statement = changeSql(connection, people.change())
    await connection.query(`begin; ${statement}; insert into beacon values (${firstBeacon + n}); commit`)
    times.push(performance.now())
  }
  await connection.end()
}

export interface Steady {
  readonly perSecond: number
  readonly firstBeacon: number
  /** When the source told of the commit of each change, filled meanwhile. */
  readonly times: number[]
  /** Asked before each change, with how many there were. */
  readonly until: (written: number) => boolean
}

export async function sendBeacon(mysqlUrl: string, n: number, ...statements: string[]): Promise<void> {
  const connection = await createConnection({ uri: mysqlUrl, multipleStatements: true })
  await connection.query(['begin', ...statements, `insert into beacon values (${n})`, 'commit'].join(';'))
  await connection.end()
}

function changeSql(connection: Connection, { kind, table, row }: PersonChange): string {
  const { id, ...values } = row
  switch (kind) {
    case 'insert':
      return connection.format('insert into ?? set ?', [table, row])
    case 'update':
      return connection.format('update ?? set ? where id = ?', [table, values, id])
    case 'delete':
      return connection.format('delete from ?? where id = ?', [table, id])
    default:
      return kind satisfies never
  }
}
