import { setTimeout as delay } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import type { VendorSimulator } from '../../../examples/vendor-match/simulator.ts'

export interface WorkloadOptions {
  /** Of the internal platform's database. */
  readonly url: string
  readonly simulator: VendorSimulator
  readonly perSecond: number
  /** 0 to 1, as Math.random gives it. */
  readonly random: () => number
  readonly signal: AbortSignal
}

/** How many changes were made so far; the newest place at which it is read is now. */
export interface Workload {
  changes: number
}

/**
 * What happens on two platforms all day, on both sides at once: people are seen, marry, move, come and go. Nine of
 * ten changes are on the internal side. Ends with the signal.
 */
export async function runWorkload(options: WorkloadOptions, workload: Workload): Promise<void> {
  const { url, perSecond, signal } = options
  const connection = await mysql.createConnection({ uri: url, timezone: 'Z' })
  try {
    while (!signal.aborted) {
      if (options.random() < 0.1) changeVendor(options)
      else await changeInternal(connection, options)
      workload.changes++
      await delay(1000 / perSecond, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    await connection.end()
  }
}

async function changeInternal(connection: mysql.Connection, { random }: WorkloadOptions): Promise<void> {
  const [[range]] = await connection.query<mysql.RowDataPacket[]>('select max(id) as last from user')
  const id = 1 + Math.floor(random() * Number(range?.['last'] ?? 1))
  const kind = random()
  if (kind < 0.5) {
    await connection.query(
      `update user set last_active_date = date '2017-02-02' - interval ? day where id = ?`,
      [Math.floor(random() * 40), id],
    )
  } else if (kind < 0.7) {
    // Marries: takes the name of somebody else.
    await connection.query(
      'update user join (select lastname from user where id = ?) other set user.lastname = other.lastname where id = ?',
      [1 + Math.floor(random() * id), id],
    )
  } else if (kind < 0.8) {
    await connection.query('update user set practice_id = 1 + floor(rand() * 100) where id = ?', [id])
  } else if (kind < 0.9) {
    await connection.query('delete from user where id = ?', [id])
  } else {
    await connection.query(
      `insert into user (practice_id, firstname, lastname, classification, specialty, last_active_date)
       select practice_id, firstname, lastname, classification, specialty, '2017-02-02' from user where id >= ? limit 1`,
      [id],
    )
  }
}

function changeVendor({ simulator, random }: WorkloadOptions): void {
  const users = [...simulator.users()]
  const user = users[Math.floor(random() * users.length)]
  if (!user) return
  const kind = random()
  if (kind < 0.7) simulator.update(user.id, { last_active_date: '2017-02-02' })
  else if (kind < 0.9) simulator.update(user.id, { practice_location: 'dothan' })
  else simulator.remove(user.id)
}
