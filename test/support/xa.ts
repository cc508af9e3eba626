import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import { connect, isLoss } from './sessions.ts'

/**
 * Does `work` in an XA transaction. Mostly it is prepared and, a little later, committed or rolled back: in its session, or
 * in another one when that was cut. Leaves none behind, also where `work` fails or the server is restarted meanwhile.
 *
 * @returns Whether it was prepared.
 */
export async function writeXa(
  url: string,
  random: () => number,
  work: (session: mysql.Connection) => Promise<unknown>,
): Promise<boolean> {
  const xid = randomUUID()
  const session = await connect(url)
  try {
    await session.query(`xa start '${xid}'`)
    await work(session)
    await session.query(`xa end '${xid}'`)
    if (random() < 0.2) {
      await session.query(`xa commit '${xid}' one phase`)
      await session.end()
      return false
    }
    await session.query(`xa prepare '${xid}'`)
  } catch (error) {
    session.destroy()
    // The loss may have come behind the preparation.
    if (isLoss(error)) await finish(url, { xid, verdict: 'rollback' })
    throw error
  }
  await delay(random() * 20)
  const isCut = random() < 0.3
  if (isCut) session.destroy()
  const verdict = random() < 0.3 ? 'rollback' : 'commit'
  await finish(url, { xid, verdict, ...(isCut ? {} : { session }) })
  return true
}

async function finish(
  url: string,
  { xid, verdict, ...begun }: { xid: string; verdict: 'commit' | 'rollback'; session?: mysql.Connection },
): Promise<void> {
  let session = begun.session
  for (let isThere = true; isThere;) {
    try {
      session ??= await connect(url)
      isThere = !(await hasEnded(session, `xa ${verdict} '${xid}'`)) && (await isPrepared(session, xid))
    } catch (error) {
      if (!isLoss(error)) throw error
      session?.destroy()
      session = undefined
    }
    // Until the server has noticed that a session is gone it keeps the transaction for it.
    if (isThere) await delay(5)
  }
  session?.destroy()
}

async function hasEnded(session: mysql.Connection, statement: string): Promise<boolean> {
  try {
    await session.query(statement)
    return true
  } catch (error) {
    const { code } = error as { code?: string }
    // One without changes ends with its session.
    if (code === 'ER_XAER_NOTA' || code === 'ER_XA_RBROLLBACK') return false
    throw error
  }
}

async function isPrepared(session: mysql.Connection, xid: string): Promise<boolean> {
  const [prepared] = await session.query<mysql.RowDataPacket[]>('xa recover')
  return prepared.some((row) => String(row['data']) === xid)
}
